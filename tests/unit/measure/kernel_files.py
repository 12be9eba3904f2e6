"""Folders that look like the kernel's, and files in them that may not be read."""

from bench_freeze.measure.telemetry import source


def write(root, files):
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return root


def deny(monkeypatch, name):
    """Reading files of this name is refused, as it is for an unprivileged user (the tests may run as root)."""
    real = source.Path.read_text  # type: ignore[attr-defined]

    def read_text(self, *arguments, **options):
        if self.name == name and self.exists():
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(source.Path, "read_text", read_text)  # type: ignore[attr-defined]
