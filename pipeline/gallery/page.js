"use strict";
const {classes, kinds, colours, measure, sheets, items} = window.GALLERY;
const find = (id) => document.getElementById(id);
const GAP = 8;
const SVG = "http://www.w3.org/2000/svg";

// The outcomes of an evaluation have colours of their own; everything else has that of its class.
const isEvaluation = kinds.some((kind) => kind in colours.outcomes);
const ERRORS = new Set(["missed", "wrong class", "nothing there"]);
// The others are what a person should look at, such as a rejected shape.
const PLAIN = new Set(["label", "dropped", "prelabel"]);
const isFlagged = (kind) => !isEvaluation && !PLAIN.has(kind);
const colourOf = (mark) => colours.outcomes[kinds[mark[5]]] ?? colours.classes[mark[4]];

// A mark is [x1, y1, x2, y2, class, kind, value, note]; the value is what `measure` names, or null.
const sideOf = (mark) => Math.min(mark[2] - mark[0], mark[3] - mark[1]);

for (const item of items) {
  item.smallest = Math.min(...item.marks.map(sideOf));
  item.lowest = Math.min(...item.marks.map((mark) => mark[6] ?? Infinity));
  item.errors = item.marks.filter((mark) => ERRORS.has(kinds[mark[5]])).length;
  item.search = item.name.toLowerCase();
}
const ascending = (key) => (a, b) => (a[key] === b[key] ? 0 : a[key] - b[key]);
const ORDERS = {
  name: null,
  marks: (a, b) => b.marks.length - a.marks.length,
  fewest: (a, b) => a.marks.length - b.marks.length,
  smallest: ascending("smallest"),
  lowest: ascending("lowest"),
  errors: (a, b) => b.errors - a.errors,
};

// What is chosen. An empty set of choices stands for "all", and so does an empty field.
const FACETS = ["splits", "sources", "kinds", "classes"];
const FIELDS = ["name", "sideMin", "sideMax", "valueMin", "valueMax"];
const chosen = Object.fromEntries(FACETS.map((id) => [id, new Set()]));
const allows = (id, value) => !chosen[id].size || chosen[id].has(value);
let shown = items;
let viewed = -1;
let within = () => true;
let narrowed = false;

// Whether a mark lies in the ranges of size and value; one without a value is in no range of them.
function ranges() {
  const limit = (id, otherwise) => (find(id).value === "" ? otherwise : Number(find(id).value));
  const [sideMin, sideMax] = [limit("sideMin", 0), limit("sideMax", Infinity)];
  const [valueMin, valueMax] = [limit("valueMin", null), limit("valueMax", null)];
  narrowed = FIELDS.some((id) => id !== "name" && find(id).value !== "");
  within = (mark) => sideOf(mark) >= sideMin && sideOf(mark) <= sideMax
      && (valueMin === null || (mark[6] !== null && mark[6] * 100 >= valueMin))
      && (valueMax === null || (mark[6] !== null && mark[6] * 100 <= valueMax));
}

function wantedMark(mark) {
  return allows("classes", classes[mark[4]]) && allows("kinds", kinds[mark[5]]) && within(mark);
}

// Each number beside a choice is what choosing it would show: all other filters count, those of its
// own group don't.
function apply() {
  ranges();
  const name = find("name").value.toLowerCase();
  const marksMatter = narrowed || chosen.classes.size > 0 || chosen.kinds.size > 0;
  const counts = Object.fromEntries(FACETS.map((id) => [id, new Map()]));
  const add = (id, value, number = 1) =>
    counts[id].set(value, (counts[id].get(value) ?? 0) + number);
  let marks = 0;
  shown = [];
  for (const item of items) {
    if (!item.search.includes(name)) continue;
    const hasSplit = allows("splits", item.split), hasSource = allows("sources", item.source);
    if (!hasSplit && !hasSource) continue;
    let hits = 0;
    for (const mark of item.marks) {
      if (!within(mark)) continue;
      const kind = kinds[mark[5]], className = classes[mark[4]];
      const hasKind = allows("kinds", kind), hasClass = allows("classes", className);
      if (hasKind && hasClass) hits += 1;
      if (hasSplit && hasSource && hasKind) add("classes", className);
      if (hasSplit && hasSource && hasClass) add("kinds", kind);
    }
    if (marksMatter && !hits) continue;
    if (hasSource) add("splits", item.split);
    if (hasSplit) add("sources", item.source);
    if (hasSplit && hasSource) { shown.push(item); marks += hits; }
  }
  const order = ORDERS[find("order").value];
  if (order) shown.sort(order);
  find("count").textContent = `${shown.length} of ${items.length} images, ${marks} boxes`;
  find("scroller").scrollTop = 0;
  FACETS.forEach((id) => showCounts(id, counts[id]));
  remember();
  layOut();
}

// Only the tiles in sight exist, and a tile that stays in sight is kept.
const tiles = new Map();
let columns = 1, tileWidth = 240, tileHeight = 180;
const shapes = items.map(({size}) => size[1] / size[0]).sort((a, b) => a - b);
const usualShape = shapes.length ? shapes[Math.floor(shapes.length / 2)] : 0.75;

function layOut() {
  const room = find("sheet").clientWidth;
  columns = Math.max(1, Math.floor((room + GAP) / (Number(find("side").value) + GAP)));
  tileWidth = (room - GAP * (columns - 1)) / columns;
  tileHeight = Math.round(tileWidth * usualShape);
  const rows = Math.ceil(shown.length / columns);
  find("sheet").style.height = `${rows * (tileHeight + GAP)}px`;
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  showTiles();
}

function showTiles() {
  const {scrollTop, clientHeight} = find("scroller");
  const first = Math.max(0, Math.floor(scrollTop / (tileHeight + GAP)) - 1) * columns;
  const stop = Math.ceil((scrollTop + clientHeight) / (tileHeight + GAP) + 1) * columns;
  for (const [index, tile] of tiles) {
    if (index < first || index >= stop) { tile.remove(); tiles.delete(index); }
  }
  for (let index = first; index < Math.min(stop, shown.length); index += 1) {
    if (!tiles.has(index)) tiles.set(index, makeTile(index));
  }
}

function makeTile(index) {
  const item = shown[index];
  const tile = document.createElement("figure");
  tile.className = "tile";
  tile.style.left = `${(index % columns) * (tileWidth + GAP)}px`;
  tile.style.top = `${Math.floor(index / columns) * (tileHeight + GAP)}px`;
  tile.style.width = `${tileWidth}px`;
  tile.style.height = `${tileHeight}px`;
  const image = new Image();
  image.src = item.tile ?? item.image;
  image.alt = item.name;
  image.decoding = "async";
  const caption = document.createElement("figcaption");
  const errors = item.errors === 1 ? "1 error" : `${item.errors} errors`;
  caption.textContent = item.errors ? `${item.name} · ${errors}` : item.name;
  tile.append(image, drawing(item, item.marks.filter(wantedMark)), caption);
  tile.title = item.name;
  tile.tabIndex = 0;
  tile.addEventListener("click", () => view(index));
  tile.addEventListener("keydown", (event) => { if (event.key === "Enter") view(index); });
  find("sheet").append(tile);
  return tile;
}

function drawing(item, marks) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${item.size[0]} ${item.size[1]}`);
  if (!find("boxes").checked) return svg;
  for (const mark of marks) {
    const [x1, y1, x2, y2] = mark;
    const rect = document.createElementNS(SVG, "rect");
    const place = {x: x1, y: y1, width: x2 - x1, height: y2 - y1};
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
    rect.setAttribute("stroke", colourOf(mark));
    rect.setAttribute("stroke-width", ERRORS.has(kinds[mark[5]]) ? 2 : 1.3);
    rect.setAttribute("class", kinds[mark[5]]);
    if (isFlagged(kinds[mark[5]])) rect.classList.add("flagged");
    svg.append(rect);
  }
  return svg;
}

// One image, large. Small boxes lie above large ones, so that the mouse finds both.
function view(index) {
  if (index < 0 || index >= shown.length) return;
  viewed = index;
  const item = shown[index];
  find("viewed").textContent = item.name;
  const facts = [`${index + 1} of ${shown.length}`, item.size.join(" × "), item.source, item.split];
  find("facts").textContent = facts.filter(Boolean).join(" · ");
  const dialog = find("viewer");
  if (!dialog.open) dialog.showModal();
  const frame = document.createElement("div");
  frame.className = "frame";
  const image = new Image();
  image.src = item.image;
  image.alt = item.name;
  const marks = item.marks.filter(wantedMark).sort((a, b) => sideOf(b) - sideOf(a));
  const svg = drawing(item, marks);
  frame.append(image, svg);
  find("stage").replaceChildren(frame);
  fit(frame, item);
  find("list").replaceChildren(...marks.map((mark, number) => listed(mark, svg.children[number])));
}

function fit(frame, item) {
  const {clientWidth, clientHeight} = find("stage");
  const scale = Math.min(clientWidth / item.size[0], clientHeight / item.size[1]);
  frame.style.width = `${item.size[0] * scale}px`;
  frame.style.height = `${item.size[1] * scale}px`;
  frame.style.transform = "";
}

// The wheel zooms at the pointer; all the way back is the whole image again.
function zoom(event) {
  const frame = find("stage").firstChild;
  const before = new DOMMatrix(getComputedStyle(frame).transform);
  const scale = Math.min(16, Math.max(1, before.a * Math.exp(-event.deltaY / 400)));
  const {left, top} = frame.getBoundingClientRect();
  const [x, y] = [event.clientX - left, event.clientY - top];
  const grown = 1 - scale / before.a;
  const [e, f] = scale === 1 ? [0, 0] : [before.e + x * grown, before.f + y * grown];
  frame.style.transform = `matrix(${scale}, 0, 0, ${scale}, ${e}, ${f})`;
  event.preventDefault();
}

function listed(mark, rect) {
  const entry = document.createElement("li");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = colourOf(mark);
  const name = document.createElement("span");
  name.textContent = classes[mark[4]];
  const note = document.createElement("small");
  const size = `${Math.round(mark[2] - mark[0])} × ${Math.round(mark[3] - mark[1])}`;
  const kind = kinds[mark[5]] === "label" ? "" : kinds[mark[5]];
  note.textContent = [kind, mark[7], size].filter(Boolean).join(", ");
  entry.append(swatch, name, note);
  for (const part of [entry, rect]) {
    part?.addEventListener("mouseenter", () => { point(entry, rect, true); });
    part?.addEventListener("mouseleave", () => { point(entry, rect, false); });
  }
  rect?.addEventListener("mouseenter", () => entry.scrollIntoView({block: "nearest"}));
  return entry;
}

function point(entry, rect, near) {
  entry.classList.toggle("near", near);
  rect?.classList.toggle("near", near);
}

// The filters: splits and sources with their images, kinds and classes with their boxes.
const numbers = {};

function choices(id, values, colour) {
  numbers[id] = new Map();
  for (const value of values) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    input.type = "checkbox";
    input.value = value;
    input.addEventListener("change", () => {
      if (input.checked) chosen[id].add(value); else chosen[id].delete(value);
      apply();
    });
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colour?.(value) ?? "transparent";
    const name = document.createElement("span");
    name.textContent = value || "none";
    const number = document.createElement("span");
    number.className = "number";
    numbers[id].set(value, number);
    label.append(input, ...(colour ? [swatch] : []), name, number);
    find(id).append(label);
  }
  find(id).hidden = values.length < 2 && id !== "classes" && !colour;
}

function showCounts(id, counts) {
  const most = Math.max(1, ...counts.values());
  for (const [value, number] of numbers[id]) {
    const count = counts.get(value) ?? 0;
    number.textContent = count;
    number.parentElement.classList.toggle("none", count === 0);
    number.parentElement.style.setProperty("--share", `${100 * count / most}%`);
  }
}

const valuesOf = (key) => [...new Set(items.map((item) => item[key]))].sort();
choices("splits", valuesOf("split"));
choices("sources", valuesOf("source"));
choices("kinds", kinds, isEvaluation ? (kind) => colours.outcomes[kind] : null);
choices("classes", classes, isEvaluation ? null : (name) => colours.classes[classes.indexOf(name)]);
for (const part of document.querySelectorAll(".measured")) part.hidden = !measure;
find("measure").textContent = `${measure}, %`;
find("order").querySelector("[value=lowest]").textContent = `lowest ${measure} first`;
find("order").querySelector("[value=errors]").hidden = !kinds.some((kind) => ERRORS.has(kind));

// What is said of all images. A row leads to those that it is about.
function offer(sheet) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = sheet.title;
  button.addEventListener("click", () => report(sheet));
  return button;
}

function report(sheet) {
  find("reported").textContent = sheet.title;
  const parts = [];
  if (sheet.image) {
    const image = new Image();
    image.src = sheet.image;
    image.alt = sheet.title;
    parts.push(image);
  }
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const column of sheet.columns) {
    const cell = document.createElement("th");
    cell.textContent = column;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of sheet.rows) fill(body.insertRow(), row);
  find("told").replaceChildren(...parts, table);
  find("report").showModal();
}

function fill(line, {cells, filters}) {
  cells.forEach((text, number) => {
    const cell = line.insertCell();
    const state = new URLSearchParams(filters);
    if (number || !state.size) { cell.textContent = text; return; }
    const link = document.createElement("a");
    link.href = `#${state}`;
    link.textContent = text;
    link.addEventListener("click", () => {
      find("report").close();
      location.hash = link.hash;
      recall();
    });
    cell.append(link);
  });
}

find("sheets").append(...sheets.map(offer));
find("closeReport").addEventListener("click", () => find("report").close());

// The address keeps what is chosen, so that it can be sent to somebody.
function remember() {
  const state = new URLSearchParams();
  for (const [id, values] of Object.entries(chosen)) {
    for (const value of values) state.append(id, value);
  }
  for (const id of FIELDS) if (find(id).value) state.set(id, find(id).value);
  if (find("order").value !== "name") state.set("order", find("order").value);
  history.replaceState(null, "", state.size ? `#${state}` : location.pathname);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const id of FACETS) {
    chosen[id] = new Set(state.getAll(id));
    for (const input of find(id).querySelectorAll("input")) {
      input.checked = chosen[id].has(input.value);
    }
  }
  for (const id of FIELDS) find(id).value = state.get(id) ?? "";
  find("order").value = state.get("order") in ORDERS ? state.get("order") : "name";
  apply();
}

function copy(text, button) {
  const before = button.textContent;
  const say = (message) => {
    button.textContent = message;
    setTimeout(() => { button.textContent = before; }, 1200);
  };
  navigator.clipboard.writeText(text).then(() => say("copied"), () => say("not allowed here"));
}

// Back among the tiles, at the image that was looked at last.
function goBack() {
  const top = Math.floor(viewed / columns) * (tileHeight + GAP);
  const {scrollTop, clientHeight} = find("scroller");
  if (top < scrollTop || top + tileHeight > scrollTop + clientHeight) {
    find("scroller").scrollTop = top;
    showTiles();
  }
  tiles.get(viewed)?.focus();
}

const KEYS = {
  ArrowRight: () => view(viewed + 1),
  ArrowLeft: () => view(viewed - 1),
  Home: () => view(0),
  End: () => view(shown.length - 1),
  b: () => find("boxes").click(),
  c: () => find("copy").click(),
};

find("scroller").addEventListener("scroll", () => requestAnimationFrame(showTiles), {passive: true});
for (const id of FIELDS) find(id).addEventListener("input", apply);
find("order").addEventListener("change", apply);
find("boxes").addEventListener("change", () => { layOut(); if (find("viewer").open) view(viewed); });
find("side").addEventListener("input", layOut);
find("reset").addEventListener("click", () => { location.hash = ""; recall(); });
find("copyAll").addEventListener("click", () =>
  copy(shown.map((item) => item.name).join("\n"), find("copyAll")));
find("copy").addEventListener("click", () => copy(shown[viewed].name, find("copy")));
find("close").addEventListener("click", () => find("viewer").close());
find("viewer").addEventListener("close", goBack);
find("viewer").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  KEYS[event.key]();
  event.preventDefault();
});
find("stage").addEventListener("wheel", zoom, {passive: false});
addEventListener("resize", () => {
  layOut();
  if (find("viewer").open) fit(find("stage").firstChild, shown[viewed]);
});
addEventListener("hashchange", recall);
recall();
