'use strict';
// Zoom of the plots: wheel with Ctrl, buttons, drag, and + - 0 and arrows where a plot has the focus. A double click shows all of it again.
for (const frame of document.querySelectorAll('.frame')) {
  const svg = frame.querySelector('svg');
  const whole = svg.getAttribute('viewBox').split(' ').map(Number);
  let view = whole.slice();
  const show = () => svg.setAttribute('viewBox', view.join(' '));
  const place = () => {
    for (const i of [0, 1]) {
      view[i + 2] = Math.min(view[i + 2], whole[i + 2]);
      view[i] = Math.min(Math.max(view[i], whole[i]), whole[i] + whole[i + 2] - view[i + 2]);
    }
    show();
  };
  const zoom = (factor, x, y) => {
    const least = whole[2] / 40, width = Math.max(least, Math.min(whole[2], view[2] * factor));
    const real = width / view[2];
    view = [x - (x - view[0]) * real, y - (y - view[1]) * real, width, view[3] * real];
    place();
  };
  const middle = factor => zoom(factor, view[0] + view[2] / 2, view[1] + view[3] / 2);
  const all = () => { view = whole.slice(); show(); };
  const at = event => {
    const box = svg.getBoundingClientRect();
    return [view[0] + (event.clientX - box.left) / box.width * view[2], view[1] + (event.clientY - box.top) / box.height * view[3]];
  };
  svg.addEventListener('wheel', event => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, ...at(event));
  }, { passive: false });
  let from = null;
  svg.addEventListener('pointerdown', event => { from = at(event); svg.setPointerCapture(event.pointerId); });
  svg.addEventListener('pointermove', event => {
    if (!from) return;
    const to = at(event);
    view[0] += from[0] - to[0];
    view[1] += from[1] - to[1];
    place();
  });
  for (const end of ['pointerup', 'pointercancel']) svg.addEventListener(end, () => { from = null; });
  svg.addEventListener('dblclick', all);
  svg.addEventListener('keydown', event => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === '+' || event.key === '=') middle(0.8);
    else if (event.key === '-') middle(1.25);
    else if (event.key === '0') all();
    else if (moves[event.key] && view[2] < whole[2]) { view[0] += moves[event.key][0] * view[2] / 10; view[1] += moves[event.key][1] * view[3] / 10; place(); }
    else return;
    event.preventDefault();
  });
  const tools = frame.insertBefore(document.createElement('div'), svg);
  tools.className = 'tools';
  for (const [label, name, act] of [['+', 'Zoom in', () => middle(0.8)], ['\u2212', 'Zoom out', () => middle(1.25)], ['All', 'Show all', all]]) {
    const button = tools.appendChild(document.createElement('button'));
    button.type = 'button';
    button.textContent = label;
    button.title = name;
    button.setAttribute('aria-label', name);
    button.addEventListener('click', act);
  }
}
