// Pictures of a sound and of its probabilities. A view says what is drawn:
// samples, rate (Hz), offset (s of the first sample), from and to (s), windows ({from, to, probabilities}),
// selected (a window's number or null), head (s or null) and columns (spectrogram columns computed so far).

const COLOURS = 8;
const RANGE_DB = 65;
const HEAT = [[13, 18, 38], [35, 56, 120], [38, 112, 150], [64, 165, 130], [190, 200, 80], [250, 235, 150]];

export const colour = (label) => getComputedStyle(document.documentElement).getPropertyValue(`--c${label % COLOURS}`);

const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

export const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** A new view of samples that begin at 0 s. */
export function viewOf(samples, rate) {
  return {
    samples, rate, offset: 0, from: 0, to: samples.length / rate, windows: [], selected: null, head: null,
    columns: new Map(),
  };
}

function surface(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return { pen, width, height };
}

const across = (view, width) => (seconds) => ((seconds - view.from) / (view.to - view.from)) * width;

export function drawWaveform(canvas, view) {
  const { pen, width, height } = surface(canvas);
  const perPixel = ((view.to - view.from) * view.rate) / width;
  const shown = outline(view, width, perPixel);
  const loudest = Math.max(0.05, ...shown.map(([low, high]) => Math.max(-low, high)));
  pen.fillStyle = tone("wave");
  shown.forEach(([low, high], x) => {
    if (high < low) return;
    const top = (0.5 - (0.48 * high) / loudest) * height;
    pen.fillRect(x, top, 1, Math.max(1, ((0.48 * (high - low)) / loudest) * height));
  });
  drawMarks(pen, view, width, height);
}

/** Lowest and highest sample under each pixel. Of a long sound at most 256 samples a pixel are looked at. */
function outline(view, width, perPixel) {
  const { samples, rate } = view;
  const first = (view.from - view.offset) * rate;
  const step = Math.max(1, Math.floor(perPixel / 256));
  return Array.from({ length: Math.ceil(width) }, (_, x) => {
    let low = Infinity;
    let high = -Infinity;
    const begin = Math.max(0, Math.floor(first + x * perPixel));
    const end = Math.min(samples.length, Math.max(begin + 1, Math.floor(first + (x + 1) * perPixel)));
    if (first + (x + 1) * perPixel < 0) return [1, -1];
    for (let i = begin; i < end; i += step) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    return [low, high];
  });
}

export function drawSpectrogram(canvas, view, mel) {
  const { pen, width, height } = surface(canvas);
  const count = Math.min(400, Math.max(1, Math.ceil(width)));
  const step = (view.to - view.from) / count;
  const first = Math.round(view.from / step);
  const shown = Array.from({ length: count }, (_, x) => column(view, mel, first + x, step));
  const loudest = shown.reduce((most, levels) => (levels ? Math.max(most, ...levels) : most), -60);
  const image = new ImageData(count, mel.bands);
  shown.forEach((levels, x) => {
    for (let band = 0; band < mel.bands; band++) {
      const at = 4 * ((mel.bands - 1 - band) * count + x);
      if (!levels) continue;
      image.data.set(heat(1 + (levels[band] - loudest) / RANGE_DB), at);
      image.data[at + 3] = 255;
    }
  });
  const small = new OffscreenCanvas(count, mel.bands);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(small, 0, 0, width, height);
  drawMarks(pen, view, width, height);
}

/** One column of the spectrogram. It is kept, since a live picture moves on and needs the others again. */
function column(view, mel, number, step) {
  const key = `${number} ${step}`;
  if (!view.columns.has(key)) {
    const centre = ((number + 0.5) * step - view.offset) * view.rate;
    if (centre < 0 || centre >= view.samples.length) return null;
    const levels = mel.at(view.samples, centre);
    if (view.live && centre + mel.size / 2 > view.samples.length) return levels;
    if (view.columns.size > 4000) view.columns.clear();
    view.columns.set(key, levels);
  }
  return view.columns.get(key);
}

function heat(level) {
  const place = Math.min(Math.max(level, 0), 1) * (HEAT.length - 1);
  const below = Math.min(Math.floor(place), HEAT.length - 2);
  return HEAT[below].map((value, i) => value + (HEAT[below + 1][i] - value) * (place - below));
}

export function drawChances(canvas, view, labels) {
  const { pen, width, height } = surface(canvas);
  const x = across(view, width);
  const y = (value) => height - 2 - value * (height - 4);
  pen.strokeStyle = tone("line");
  pen.beginPath();
  for (const share of [0.25, 0.5, 0.75]) {
    pen.moveTo(0, y(share));
    pen.lineTo(width, y(share));
  }
  pen.stroke();
  drawMarks(pen, view, width, height);
  pen.lineWidth = 2;
  labels.forEach((_, label) => {
    pen.strokeStyle = colour(label);
    pen.setLineDash(label < COLOURS ? [] : [6, 4]);
    pen.beginPath();
    view.windows.forEach(({ from, to, probabilities }, i) => {
      const place = x((from + to) / 2);
      if (i === 0) pen.moveTo(view.live ? place : x(from), y(probabilities[label]));
      pen.lineTo(place, y(probabilities[label]));
      if (i === view.windows.length - 1) pen.lineTo(view.live ? place : x(to), y(probabilities[label]));
    });
    pen.stroke();
  });
}

/** The label of each window as a band of colour, with its first letters where there is room. */
export function drawStrip(canvas, view, labels) {
  const { pen, width, height } = surface(canvas);
  const x = across(view, width);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (let i = 0; i < view.windows.length;) {
    const label = best(view.windows[i].probabilities);
    let end = i;
    while (end < view.windows.length && best(view.windows[end].probabilities) === label) end++;
    const left = x(edge(view.windows, i));
    const right = x(edge(view.windows, end));
    pen.fillStyle = colour(label);
    pen.fillRect(left, 0, Math.max(1, right - left - 1), height);
    pen.fillStyle = tone("paper");
    if (pen.measureText(labels[label]).width < right - left - 8) pen.fillText(labels[label], left + 4, height / 2 + 0.5);
    i = end;
  }
  drawMarks(pen, view, width, height);
}

/** Where the band of window `i` begins: half way between the centres of the two windows. */
function edge(windows, i) {
  if (i === 0) return windows[0].from;
  if (i === windows.length) return windows[i - 1].to;
  const [before, after] = [windows[i - 1], windows[i]];
  return (before.from + before.to + after.from + after.to) / 4;
}

/** Number of the window whose centre is nearest to a time. */
export function nearest(windows, seconds) {
  let found = 0;
  windows.forEach(({ from, to }, i) => {
    const gap = Math.abs((from + to) / 2 - seconds);
    const least = Math.abs((windows[found].from + windows[found].to) / 2 - seconds);
    if (gap < least) found = i;
  });
  return found;
}

function drawMarks(pen, view, width, height) {
  const x = across(view, width);
  if (view.selected !== null) {
    const { from, to } = view.windows[view.selected];
    pen.fillStyle = tone("pick");
    pen.fillRect(x(from), 0, x(to) - x(from), height);
    pen.strokeStyle = tone("ink");
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.strokeRect(x(from) + 0.5, 0.5, Math.max(1, x(to) - x(from) - 1), height - 1);
  }
  if (view.head !== null) {
    pen.fillStyle = tone("head");
    pen.fillRect(x(view.head) - 1, 0, 2, height);
  }
}
