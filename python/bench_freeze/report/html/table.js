// The table of models: headings sort, the form filters. Everything is in the page; this only orders and hides rows.
"use strict";
(() => {
  const table = document.getElementById("table");
  const form = document.getElementById("filters");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const cell = (row, key) => row.querySelector(`[data-key="${key}"]`);

  // Numbers by value, words by their order in the alphabet; what is missing stays at the end in both directions.
  function compare(key, sign) {
    return (a, b) => {
      const [x, y] = [a, b].map((row) => cell(row, key).dataset.sort);
      const missing = (value) => value === "" || value === "-";
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      const difference = Number(x) - Number(y);
      return sign * (Number.isNaN(difference) ? x.localeCompare(y) : difference);
    };
  }

  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector("button").addEventListener("click", () => {
      const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      body.append(...rows.sort(compare(heading.dataset.key, sign)));
    });
  }

  function filter() {
    const wanted = [...new FormData(form)].filter(([, value]) => value !== "");
    let shown = 0;
    for (const row of rows) {
      row.hidden = !wanted.every(([key, value]) =>
        key === "text"
          ? `${row.dataset.name} ${row.textContent}`.toLowerCase().includes(value.trim().toLowerCase())
          : cell(row, key).dataset.sort === value
      );
      shown += !row.hidden;
    }
    document.getElementById("shown").textContent = `${shown} of ${rows.length} rows`;
  }
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());

  // A link to a row's provenance opens it.
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
