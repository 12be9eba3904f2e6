// Hands every figure's data to Plotly; builds its list of series and the table behind it when they are opened.
"use strict";
(() => {
  const PAPER = 680; // pixels of a printed page's width
  // Plotly would offer to send a chart to its makers: no button for that, and no address.
  const options = {
    responsive: true,
    displaylogo: false,
    displayModeBar: matchMedia("(hover: none)").matches ? false : "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "sendChartToCloud", "sendDataToCloud"],
    plotlyServerURL: "",
  };
  const figures = [...document.querySelectorAll("figure[id^=plot-]")];
  const NARROW = 480; // pixels: names beside points would hide each other

  function element(name, text, attributes = {}) {
    const made = Object.assign(document.createElement(name), attributes);
    made.textContent = text;
    return made;
  }

  function rows(table) {
    return table.groups.flatMap((group) => group.rows.map((row) => [group.name, ...row]));
  }

  function fill(details, table) {
    if (details.querySelector("table")) return;
    const made = document.createElement("table");
    const head = made.createTHead().insertRow();
    for (const column of table.columns) head.append(element("th", column, { scope: "col" }));
    const body = made.createTBody();
    for (const row of rows(table)) {
      const line = body.insertRow();
      for (const value of row) line.append(element("td", value ?? ""));
    }
    details.querySelector(".scroll").append(made);
  }

  function save(name, table) {
    // A cell that begins like a formula would be run by a spreadsheet.
    const quoted = (value) => {
      const text = typeof value === "string" && /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : String(value ?? "");
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const text = [table.columns, ...rows(table)].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
    const link = element("a", "", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href));
  }

  function choose(figure, plot, names) {
    const details = figure.querySelector(".choose");
    if (!details) return;
    const boxes = names.map((name, i) => {
      const box = element("input", "", { type: "checkbox", checked: plot.data[i].visible !== false });
      const label = document.createElement("label");
      label.append(box, ` ${name}`);
      details.querySelector("fieldset").append(label);
      return box;
    });
    const count = () => {
      const drawn = boxes.filter((box) => box.checked).length;
      details.querySelector(".count").textContent = `${drawn} of ${boxes.length}`;
    };
    details.addEventListener("input", () => {
      count();
      Plotly.restyle(plot, { visible: boxes.map((box) => box.checked) });
    });
    count();
  }

  async function draw(figure) {
    const { data, layout, table } = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const plot = figure.querySelector(".plot");
    if (plot.clientWidth < NARROW) for (const trace of data) trace.mode = trace.mode?.replace("+text", "");
    await Plotly.newPlot(plot, data, layout, options);
    plot.style.minHeight = "";
    const [drawing, ...others] = plot.querySelectorAll("svg.main-svg");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", plot.dataset.says);
    for (const other of others) other.setAttribute("aria-hidden", "true");
    choose(figure, plot, table.groups.map((group) => group.name));
    const details = figure.querySelector(".data");
    details.addEventListener("toggle", () => details.open && fill(details, table));
    details.querySelector(".csv").addEventListener("click", () => save(`${figure.id}.csv`, table));
  }

  // One after the other, with a pause: the page stays usable while they come. What is folded away has no width yet, and
  // is drawn when it is opened.
  const begun = new Set();
  async function drawShown() {
    for (const figure of figures) {
      if (begun.has(figure) || !figure.checkVisibility()) continue;
      begun.add(figure);
      await draw(figure);
      await new Promise((done) => setTimeout(done));
    }
  }
  drawShown().then(() => {
    document.documentElement.dataset.plots = "drawn";
  });
  document.addEventListener("toggle", (event) => event.target.open && drawShown(), true);

  // Plots have the width of the window; paper has another.
  const plots = () => figures.map((figure) => figure.querySelector(".plot")).filter((plot) => plot.data);
  const choice = [...document.querySelectorAll("#summary .decision details")];
  addEventListener("beforeprint", () => choice.forEach((details) => details.setAttribute("open", "")));
  addEventListener("beforeprint", () => plots().forEach((plot) => Plotly.relayout(plot, { width: PAPER, autosize: false })));
  addEventListener("afterprint", () => plots().forEach((plot) => Plotly.relayout(plot, { width: null, autosize: true })));
})();
