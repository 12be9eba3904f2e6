// Example images: every picture is in the page once, boxes are SVG over it, in the pixels of the full image.
"use strict";
(() => {
  const source = document.getElementById("gallery-data");
  if (!source) return;
  const { pictures, models, images } = JSON.parse(source.textContent);
  const form = document.getElementById("gallery-controls");
  const gallery = document.getElementById("gallery");
  const ORDER = ["truth", "crowd", "unscored", "false", "hit", "missed"]; // what matters most is drawn last
  const SETS = { target: "Target set", base: "Base set" };

  function element(name, text = "", attributes = {}) {
    const made = Object.assign(document.createElement(name), attributes);
    made.textContent = text;
    return made;
  }

  function svg(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  const words = ([name, , , , , score]) => (score === null ? name : `${name} ${score.toFixed(2)}`);

  function boxesOf(image, found, shown) {
    const boxes = shown.annotations ? image.truth.map((box) => [...box]) : [];
    if (shown.annotations && found && shown[image.role]) for (const i of found.missed) boxes[i][6] = "missed";
    for (const head of ["base", "target"]) if (shown[head]) boxes.push(...(found?.heads[head] ?? []));
    return boxes;
  }

  function counts(image, found) {
    if (!found) return "not run on this set";
    const of = (state) => Object.values(found.heads).flat().filter((box) => box[6] === state).length;
    const other = of("unscored");
    return `hits ${of("hit")}, false ${of("false")}, missed ${found.missed.length}` + (other ? `, of the other head ${other}` : "");
  }

  // Detections are named at the top of their box, what was missed at its bottom, the other head's at the right.
  function label(box, size) {
    const [, left, top, width, height, , state] = box;
    const right = state === "unscored";
    const letters = size / (right ? 36 : 26);
    const below = state === "missed" || right ? height - letters / 3 : letters;
    const x = right ? left + width - size / 200 : left + size / 200;
    const y = Math.max(Math.max(top, 0) + below, letters);
    const text = svg("text", { x, y, "font-size": letters, class: state, "text-anchor": right ? "end" : "start" });
    text.textContent = words(box);
    return text;
  }

  function view(image, model, shown) {
    const found = image.found[model];
    const boxes = boxesOf(image, found, shown).sort((a, b) => ORDER.indexOf(a[6]) - ORDER.indexOf(b[6]));
    const size = Math.max(image.width, image.height);
    const overlay = svg("svg", { viewBox: `0 0 ${image.width} ${image.height}`, "aria-hidden": "true" });
    for (const [, x, y, width, height, , state] of boxes) overlay.append(svg("rect", { x, y, width, height, class: state }));
    if (shown.names) {
      for (const box of boxes.filter((box) => box[6] !== "truth" && box[6] !== "crowd")) {
        overlay.append(label(box, size));
      }
    }
    const picture = element("div", "", { className: "picture" });
    const name = models[model] ?? "annotations";
    picture.append(element("img", "", { src: pictures[image.picture], alt: `${image.file}, ${name}: ${counts(image, found)}`, width: image.width, height: image.height }), overlay);
    const made = element("div", "", { className: "view" });
    const list = element("details");
    list.append(element("summary", "boxes as text"), element("ul"));
    for (const box of boxes) list.lastChild.append(element("li", `${box[6]}: ${words(box)}, at ${box[1]}, ${box[2]}, ${box[3]} x ${box[4]}`));
    made.append(picture, element("p", `${name}: ${counts(image, found)}`), list);
    return made;
  }

  function card(image, values, shown) {
    const [first, second] = image.suggest;
    const a = values.a === "" ? first : Number(values.a);
    const b = values.b === "" ? (values.a === "" ? second : undefined) : values.b === "none" ? undefined : Number(values.b);
    const made = element("article", "", { className: b === undefined ? "card" : "card two" });
    const why = element("ul");
    for (const reason of image.why) why.append(element("li", reason));
    const pair = element("div", "", { className: "pair" });
    for (const model of [a, b]) if (model !== undefined) pair.append(view(image, model, shown));
    made.append(why, pair, element("p", `${image.source ? `${image.source}: ` : ""}${image.file}, ${image.width} x ${image.height}`, { className: "file" }));
    return made;
  }

  function draw() {
    const values = Object.fromEntries(new FormData(form));
    const shown = Object.fromEntries([...form.querySelectorAll("input")].map((box) => [box.name, box.checked]));
    gallery.replaceChildren();
    for (const [role, title] of Object.entries(SETS)) {
      const own = images.filter((image) => image.role === role);
      if (!own.length) continue;
      const cards = element("div", "", { className: "cards" });
      cards.append(...own.map((image) => card(image, values, shown)));
      gallery.append(element("h3", title), cards);
    }
  }

  for (const select of form.querySelectorAll("select")) {
    models.forEach((name, i) => select.append(element("option", name, { value: String(i) })));
  }
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  draw();
})();
