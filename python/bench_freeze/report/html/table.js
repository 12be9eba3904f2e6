// The table of models: headings sort, seeds stand under their arm, columns and rows come on demand. All of it is in the page.
"use strict";
(() => {
  document.documentElement.classList.add("js"); // without scripts every row and column is shown
  const table = document.getElementById("table");
  const form = document.getElementById("filters");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const tops = rows.filter((row) => !row.dataset.arm);
  const open = new Set(); // ids of arms whose seeds are shown
  const cell = (row, key) => row.querySelector(`[data-key="${key}"]`);
  const seedsOf = (top, all = rows) => all.filter((row) => row.dataset.arm === top.id);

  // Numbers by value, words by their order in the alphabet; what is missing stays at the end in both directions.
  function compare(key, sign) {
    return (a, b) => {
      const [x, y] = [a, b].map((row) => cell(row, key).dataset.sort);
      const missing = (value) => value === "" || value === "-";
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      const difference = Number(x) - Number(y);
      return sign * (Number.isNaN(difference) ? x.localeCompare(y, undefined, { numeric: true }) : difference);
    };
  }

  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector("button").addEventListener("click", () => {
      const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const order = compare(heading.dataset.key, sign);
      const seeds = rows.filter((row) => row.dataset.arm).sort(order);
      body.append(...tops.sort(order).flatMap((top) => [top, ...seedsOf(top, seeds)]));
    });
  }

  function show() {
    const wanted = [...new FormData(form)].filter(([, value]) => value !== "");
    const matches = (row) =>
      wanted.every(([key, value]) =>
        key === "text"
          ? `${row.dataset.name} ${row.textContent}`.toLowerCase().includes(value.trim().toLowerCase())
          : cell(row, key).dataset.sort === value
      );
    // What is looked for is found among the seeds too.
    for (const row of rows) row.hidden = wanted.length ? !matches(row) : Boolean(row.dataset.arm) && !open.has(row.dataset.arm);
    for (const button of table.querySelectorAll("button.seeds")) {
      const seeds = seedsOf(button.closest("tr"));
      button.setAttribute("aria-expanded", String(seeds.some((row) => !row.hidden)));
    }
    document.getElementById("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  }
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());

  table.addEventListener("click", (event) => {
    const arm = event.target.closest("button.seeds")?.closest("tr").id;
    if (arm === undefined) return;
    if (!open.delete(arm)) open.add(arm);
    show();
  });
  function press(id, act) {
    const button = document.getElementById(id);
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      act(pressed);
    });
  }
  press("all-columns", (pressed) => table.classList.toggle("all", pressed));
  press("all-seeds", (pressed) => {
    open.clear();
    if (pressed) for (const top of tops) open.add(top.id);
    show();
  });
  if (!rows.some((row) => row.dataset.arm)) document.getElementById("all-seeds").hidden = true;
  show();

  document.getElementById("save-table").addEventListener("click", () => {
    const text = JSON.parse(document.getElementById("table-csv").textContent).map((line) => `${line}\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "models.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href));
  });

  // A link to something that is folded away opens what it is in.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    let opened = false;
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) {
      opened ||= !part.open;
      part.open = true;
    }
    const fold = target.querySelector(":scope > details.fold");
    if (fold && target.id !== "details") fold.open = opened = true;
    if (opened) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
})();
