// Example images: every picture is in the page once, boxes are SVG over it, in the pixels of the full image.
"use strict";
(() => {
  const source = document.getElementById("gallery-data");
  if (!source) return;
  const { pictures, models, images } = JSON.parse(source.textContent);
  const form = document.getElementById("gallery-controls");
  const gallery = document.getElementById("gallery");
  const ORDER = ["truth", "crowd", "unscored", "false", "hit", "missed"]; // what matters most is drawn last
  const LETTER = 0.56; // of a letter's width, in its height
  const LEAD = { target: 3, base: 1 }; // images that are shown before more are asked for
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
    if (shown.annotations && found && shown.scored) for (const i of found.missed) boxes[i][6] = "missed";
    for (const head of ["base", "target"]) {
      if (head === image.role ? shown.scored : shown.other) boxes.push(...(found?.heads[head] ?? []));
    }
    return boxes;
  }

  function counts(image, found) {
    if (!found) return "not run on this set";
    const of = (state) => Object.values(found.heads).flat().filter((box) => box[6] === state).length;
    const other = of("unscored");
    return `hits ${of("hit")}, false ${of("false")}, missed ${found.missed.length}` + (other ? `, of the other head ${other}` : "");
  }

  // Where the name of a box may stand, best first: on it or beside it, inside of the image, on no other name. A name
  // that finds no place is left to the list below the image.
  function label(box, image, taken) {
    const [, left, top, width, height, , state] = box;
    const size = Math.max(image.width, image.height) / (state === "unscored" ? 34 : 26);
    const text = words(box);
    const long = text.length * size * LETTER;
    const [right, bottom] = [left + width, top + height];
    const lines = [top - size * 0.25, top + size, bottom - size * 0.25, bottom + size];
    const order = state === "missed" ? [2, 3, 1, 0] : [0, 1, 2, 3];
    for (const x of [left, right - long]) {
      for (const y of order.map((k) => lines[k])) {
        const place = { left: x, top: y - size, right: x + long, bottom: y + size * 0.2 };
        if (place.left < 0 || place.top < 0 || place.right > image.width || place.bottom > image.height) continue;
        if (taken.some((o) => place.left < o.right && o.left < place.right && place.top < o.bottom && o.top < place.bottom)) continue;
        taken.push(place);
        const made = svg("text", { x, y, "font-size": size, class: state, textLength: long, lengthAdjust: "spacingAndGlyphs" });
        made.textContent = text;
        return made;
      }
    }
    return null;
  }

  function view(image, model, shown) {
    const found = image.found[model];
    const boxes = boxesOf(image, found, shown).sort((a, b) => ORDER.indexOf(a[6]) - ORDER.indexOf(b[6]));
    const overlay = svg("svg", { viewBox: `0 0 ${image.width} ${image.height}`, "aria-hidden": "true" });
    for (const [, x, y, width, height, , state] of boxes) overlay.append(svg("rect", { x, y, width, height, class: state }));
    if (shown.names) {
      const taken = [];
      // What matters most is named first.
      for (const box of [...boxes].reverse().filter((box) => box[6] !== "truth" && box[6] !== "crowd")) {
        const made = label(box, image, taken);
        if (made) overlay.append(made);
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
    const chosen = [values.a === "" ? image.suggest : [Number(values.a)], values.b === "" ? [] : values.b === "none" ? [] : [Number(values.b)]];
    const models = values.a === "" && values.b !== "" ? [chosen[0][0], ...chosen[1]] : chosen.flat();
    const made = element("article", "", { className: models.length > 1 ? `card of${Math.min(models.length, 3)}` : "card" });
    const why = element("ul");
    for (const reason of image.why) why.append(element("li", reason));
    const pair = element("div", "", { className: "pair" });
    for (const model of models) pair.append(view(image, model, shown));
    made.append(why, pair, element("p", `${image.source ? `${image.source}: ` : ""}${image.file}, ${image.width} x ${image.height}`, { className: "file" }));
    return made;
  }

  // First those that show models side by side; the rest is drawn when it is opened.
  function draw() {
    const values = Object.fromEntries(new FormData(form));
    const shown = Object.fromEntries([...form.querySelectorAll("input")].map((box) => [box.name, box.checked]));
    const opened = new Set([...gallery.querySelectorAll("details.rest[open]")].map((details) => details.dataset.role));
    gallery.replaceChildren();
    for (const [role, title] of Object.entries(SETS)) {
      const own = images.filter((image) => image.role === role).sort((a, b) => b.suggest.length - a.suggest.length);
      if (!own.length) continue;
      const [lead, rest] = [own.slice(0, LEAD[role]), own.slice(LEAD[role])];
      const cards = (some) => {
        const made = element("div", "", { className: "cards" });
        made.append(...some.map((image) => card(image, values, shown)));
        return made;
      };
      gallery.append(element("h3", title), cards(lead));
      if (!rest.length) continue;
      const more = element("details", "", { className: "rest" });
      more.dataset.role = role;
      more.append(element("summary", `${rest.length} more images of the ${role} set`));
      const fill = () => more.open && more.childElementCount === 1 && more.append(cards(rest));
      more.addEventListener("toggle", fill);
      more.open = opened.has(role);
      gallery.append(more);
      fill();
    }
  }

  for (const select of form.querySelectorAll("select")) {
    models.forEach((name, i) => select.append(element("option", name, { value: String(i) })));
  }
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  draw();
})();
