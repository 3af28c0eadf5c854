"use strict";
// Makes the map answer: a dot under the pointer shows its image with all its captions; drag, zoom and keys move about.
(() => {
  const data = document.getElementById("content");
  if (!data) return; // a page without photographs: the map stays a picture
  const { thumbnails, captions, imageOfCaption } = JSON.parse(data.textContent);
  const plane = document.getElementById("plane");
  const detail = document.getElementById("detail");
  const links = plane.querySelector(".links");
  const whole = plane.viewBox.baseVal;
  const home = { x: whole.x, y: whole.y, size: whole.width };
  const places = [...dots("images"), ...dots("captions")]; // a point is its index here: images first
  const captionsOf = thumbnails.map(() => []);
  imageOfCaption.forEach((image, caption) => captionsOf[image].push(caption));
  let view = home;
  let shown = -1;
  let held = null; // where a drag began, and the view it moves

  function dots(name) {
    const path = plane.querySelector(`path.${name}`).getAttribute("d");
    return [...path.matchAll(/M(\d+) (\d+)/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
  }

  function look(next) {
    const size = Math.min(next.size, home.size);
    const inside = (value, low) => Math.min(Math.max(value, low), low + home.size - size);
    view = { x: inside(next.x, home.x), y: inside(next.y, home.y), size };
    plane.setAttribute("viewBox", `${view.x} ${view.y} ${size} ${size}`);
    plane.classList.toggle("enlarged", size < home.size);
  }

  function zoom(factor, at = { x: view.x + view.size / 2, y: view.y + view.size / 2 }) {
    const size = Math.max(view.size / factor, home.size / 40);
    const keep = size / view.size;
    look({ x: at.x - (at.x - view.x) * keep, y: at.y - (at.y - view.y) * keep, size });
  }

  const unit = () => view.size / plane.clientWidth; // of the map, to a pixel
  const placeOf = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(plane.getScreenCTM().inverse());

  function best(cost, limit = Infinity) {
    let found = -1;
    places.forEach((place, point) => {
      const value = cost(place);
      if (value < limit) [found, limit] = [point, value];
    });
    return found;
  }

  const nearest = (at, pixels) => best((place) => Math.hypot(place.x - at.x, place.y - at.y), pixels * unit());

  function ahead(dx, dy) {
    const from = places[shown];
    return best((place) => {
      const [x, y] = [place.x - from.x, place.y - from.y];
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy - y * dx);
      return along > 0 && aside <= along ? along + 2 * aside : Infinity;
    });
  }

  function svg(name, attributes) {
    const node = document.createElementNS(plane.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  }

  function show(point) {
    if (point < 0 || point === shown) return;
    shown = point;
    const image = point < thumbnails.length ? point : imageOfCaption[point - thumbnails.length];
    const family = captionsOf[image].map((caption) => thumbnails.length + caption);
    links.replaceChildren(
      ...family.map((other) => svg("path", { d: line(places[image], places[other]) })),
      ...[image, ...family].map((other) => svg("path", {
        d: line(places[other], places[other]),
        class: `${other === image ? "image" : "caption"}${other === point ? " here" : ""}`,
      })),
    );
    const picture = new Image();
    picture.src = thumbnails[image];
    picture.alt = "";
    picture.className = image === point ? "here" : "";
    const list = document.createElement("ul");
    for (const caption of captionsOf[image]) {
      const item = list.appendChild(document.createElement("li"));
      item.textContent = captions[caption];
      item.className = thumbnails.length + caption === point ? "here" : "";
    }
    detail.replaceChildren(picture, list);
  }

  const line = (from, to) => `M${from.x} ${from.y}L${to.x} ${to.y}`;

  plane.addEventListener("pointermove", (event) => {
    if (held) {
      const [dx, dy] = [event.clientX - held.event.clientX, event.clientY - held.event.clientY];
      held.moved ||= Math.hypot(dx, dy) > 5;
      if (held.moved) look({ ...view, x: held.view.x - dx * unit(), y: held.view.y - dy * unit() });
    } else if (event.pointerType === "mouse") show(nearest(placeOf(event), 12));
  });
  plane.addEventListener("pointerdown", (event) => {
    held = { event, view, moved: false };
    plane.setPointerCapture(event.pointerId);
  });
  plane.addEventListener("pointerup", (event) => {
    if (held && !held.moved) show(nearest(placeOf(event), 24)); // a finger is wider than an arrow
    held = null;
  });
  plane.addEventListener("pointercancel", () => { held = null; });
  plane.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the page scrolls; a trackpad's pinch comes with the key
    event.preventDefault();
    zoom(2 ** (-event.deltaY / 100), placeOf(event));
  }, { passive: false });

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  plane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = { x: view.x + view.size / 2, y: view.y + view.size / 2 };
    if (event.key in arrows) {
      show(shown < 0 ? nearest(middle, Infinity) : ahead(...arrows[event.key]));
      const { x, y } = places[shown];
      const visible = x > view.x && x < view.x + view.size && y > view.y && y < view.y + view.size;
      if (!visible) look({ ...view, x: x - view.size / 2, y: y - view.size / 2 });
    } else if (event.key === "+" || event.key === "=") zoom(1.6, places[shown]);
    else if (event.key === "-") zoom(1 / 1.6, places[shown]);
    else return;
    event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    const factor = Number(button.dataset.zoom);
    button.addEventListener("click", () => (factor ? zoom(factor, places[shown]) : look(home)));
  }
  plane.setAttribute("tabindex", "0");
  plane.setAttribute("role", "application");
})();
