// The page: what was chosen or is being said, and what the network answers. Names and labels are only ever text.

import { best, colour, drawChances, drawSpectrogram, drawStrip, drawWaveform, nearest, viewOf } from "./charts.js";
import { Recording } from "./microphone.js";
import { loadNetwork } from "./network.js";
import { MelFrames, decode, peak, resample, wav, windowOf, windowStarts } from "./sound.js";

const $ = (id) => document.getElementById(id);
const LIVE_S = 10;
const EVERY_MS = 500;
const LONGEST_RECORDING_S = 600;
const LARGEST_FILE = 1 << 29;
const MOST_SHOWN = 12;
const SILENCE = 1e-4;

let facts;
let network;
let view = null;
let mel = null;
let recording = null;
let job = 0; // of two sounds, only the newer one is shown
let asked = Promise.resolve(); // the runtime answers one window at a time
let played = "";

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const seconds = (value) => `${value.toFixed(1)} s`;
const pause = () => new Promise((resolve) => setTimeout(resolve));

/** Keeps a label of another writing direction from moving the number after it. */
const apart = (text) => `\u2068${text}\u2069`;

const REASONS = {
  NotFoundError: "there is none",
  NotAllowedError: "the browser does not allow it",
  NotReadableError: "it does not answer; another program may use it",
};

function status(text, trouble = false) {
  $("status").textContent = text;
  $("status").classList.toggle("trouble", trouble);
}

function ask(window) {
  const answer = asked.then(() => network(window));
  asked = answer.catch(() => {});
  return answer;
}

async function load() {
  const found = await fetch("model.json");
  if (!found.ok) throw new Error(`model.json: ${found.status}`);
  facts = await found.json();
  document.title = facts.title;
  document.querySelector("h1").textContent = facts.title;
  $("about").textContent = facts.about;
  $("meaning").textContent = facts.meaning;
  $("made").textContent = facts.made;
  mel = new MelFrames(facts.sample_rate, facts.sample_rate / 2);
  for (const [place, label] of facts.labels.slice(0, MOST_SHOWN).entries()) $("shares").append(row(place, label));
  network = await loadNetwork(facts);
  await network(new Float32Array(facts.n_samples)); // whatever the runtime fetches late, it fetches now
  closeConnections();
}

/** From here on the browser itself refuses every connection of this page. */
function closeConnections() {
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "connect-src 'none'";
  document.head.append(policy);
  $("private").textContent =
    "Your sound stays on this machine. The network is loaded and runs in this browser. From now on the browser lets this page connect to nothing.";
}

function row(place, label) {
  const item = document.createElement("li");
  const [name, bar, value] = ["name", "bar", "value"].map((kind) => {
    const part = document.createElement("span");
    part.className = kind;
    item.append(part);
    return part;
  });
  name.textContent = label;
  bar.append(document.createElement("span"));
  bar.setAttribute("aria-hidden", "true");
  value.textContent = percent(0);
  item.dataset.label = place;
  return item;
}

/** Shows probabilities: the label, its confidence and all bars. */
function show(probabilities, where) {
  const winner = best(probabilities);
  $("label").textContent = facts.labels[winner];
  $("confidence").textContent = percent(probabilities[winner]);
  $("where").textContent = where;
  $("result").dataset.probabilities = JSON.stringify(probabilities);
  const order = probabilities.map((_, i) => i);
  const shown = order.length <= MOST_SHOWN ? order : order.sort((a, b) => probabilities[b] - probabilities[a]);
  [...$("shares").children].forEach((item, i) => {
    const label = shown[i];
    item.querySelector(".name").textContent = facts.labels[label];
    item.querySelector(".value").textContent = percent(probabilities[label]);
    const bar = item.querySelector(".bar span");
    bar.style.width = `${100 * probabilities[label]}%`;
    bar.style.background = colour(label);
    item.classList.toggle("best", label === winner);
  });
}

function draw() {
  if (!view || $("result").hidden) return;
  drawWaveform($("waveform"), view);
  drawSpectrogram($("spectrogram"), view, view.mel ?? mel);
  $("band").textContent = `0 to ${((view.mel ?? mel).top / 1000).toFixed(1)} kHz`;
  const many = view.live || view.windows.length > 1;
  $("over-time").hidden = !many;
  if (many && view.windows.length) {
    drawChances($("chances"), view, facts.labels);
    drawStrip($("strip"), view, facts.labels);
  }
  $("from").textContent = seconds(Math.max(0, view.from));
  $("to").textContent = seconds(view.to);
}

/** Shows one window, or the mean of all. */
function select(number) {
  const { windows } = view;
  view.selected = windows.length > 1 ? number : null;
  if (view.selected === null) {
    const mean = facts.labels.map((_, i) => windows.reduce((sum, one) => sum + one.probabilities[i], 0) / windows.length);
    show(mean, windows.length > 1 ? `${view.name}: mean of ${windows.length} windows` : `${view.name}: ${seconds(view.to)}`);
    $("place").setAttribute("aria-valuetext", "whole sound");
  } else {
    const { from, to, probabilities } = windows[number];
    show(probabilities, `${view.name}: ${seconds(from)} to ${seconds(to)}`);
    $("place").value = number;
    $("place").setAttribute("aria-valuetext", `${$("where").textContent}, ${apart($("label").textContent)} ${$("confidence").textContent}`);
  }
  draw();
}

function play(source, name) {
  if (played) URL.revokeObjectURL(played);
  played = URL.createObjectURL(source);
  $("player").src = played;
  $("playing").hidden = false;
  $("save").hidden = name === null;
  if (name === null) return;
  $("save").href = played;
  $("save").download = name;
}

function clear() {
  $("result").hidden = false;
  for (const id of ["timeline", "playing", "caution"]) $(id).hidden = true;
  $("player").pause();
  $("charts").classList.remove("pickable");
}

/** Asks the network about every window of a sound, as long as no newer one was begun. */
async function analyse(own, samples, name, source, saved = null) {
  const rate = facts.sample_rate;
  view = viewOf(samples, rate);
  view.name = name;
  clear();
  $("label").textContent = "";
  $("confidence").textContent = "";
  const starts = windowStarts(samples.length, facts);
  for (const [number, start] of starts.entries()) {
    const probabilities = await ask(windowOf(samples, start, starts.length === 1, facts));
    if (own !== job) return;
    const to = starts.length === 1 ? samples.length : start + facts.n_samples;
    view.windows.push({ from: start / rate, to: to / rate, probabilities });
    if (number % 8 === 0) {
      status(`Listening to ${name}: window ${number + 1} of ${starts.length}.`);
      show(probabilities, `${name}: ${seconds(start / rate)} to ${seconds(to / rate)}`);
      draw();
    }
    await pause();
    if (own !== job) return;
  }
  const many = starts.length > 1;
  $("place").max = starts.length - 1;
  $("place").value = 0;
  $("timeline").hidden = !many;
  $("charts").classList.toggle("pickable", many);
  caution(samples, rate);
  play(source, saved);
  select(null);
  status(`${name}: ${apart($("label").textContent)}, ${$("confidence").textContent}.`);
}

function caution(samples, rate) {
  const silent = peak(samples) < SILENCE;
  const short = samples.length < 0.5 * rate;
  $("caution").hidden = !(silent || short);
  $("caution").textContent = silent
    ? "There is nothing to hear in this sound, so the answer means nothing."
    : "This sound is shorter than half a second, so the answer means little.";
}

async function openFile(file) {
  if (!network || !file) return;
  if (file.size > LARGEST_FILE) {
    status(`${file.name} has more than 512 MiB. Cut it into shorter files.`, true);
    return;
  }
  if (recording) await stopRecording(false);
  const own = ++job;
  status(`Reading ${file.name}.`);
  try {
    const samples = await decode(await file.arrayBuffer(), facts.sample_rate);
    if (own !== job) return;
    if (!samples.length) throw new Error("no samples");
    await analyse(own, samples, file.name, file);
  } catch (error) {
    if (error instanceof DOMException || error.message === "no samples") {
      status(`This browser cannot read ${file.name} as sound. Try a WAV, MP3 or OGG file.`, true);
    } else throw error;
  }
}

async function startRecording() {
  const before = job;
  $("microphone").disabled = true;
  try {
    recording = await Recording.start();
  } catch (error) {
    const reason = REASONS[error.name] ?? (error.message || error.name).replace(/\.$/, "");
    status(`The microphone cannot be used: ${reason}.`, true);
    return;
  } finally {
    $("microphone").disabled = false;
  }
  if (before !== job) { // a file was dropped meanwhile
    const unwanted = recording;
    recording = null;
    await unwanted.stop();
    return;
  }
  const own = ++job;
  $("microphone").classList.add("recording");
  $("microphone").textContent = "Stop the microphone";
  status("The microphone is on. Every half second the network hears the last "
    + `${seconds(facts.n_samples / facts.sample_rate)}.`);
  clear();
  view = viewOf(new Float32Array(0), recording.rate);
  const heard = new MelFrames(recording.rate, facts.sample_rate / 2); // no more than the network hears
  Object.assign(view, { live: true, mel: heard, from: 0, to: LIVE_S, name: "microphone" });
  await Promise.all([drawLive(own), answerLive(own)]);
}

async function drawLive(own) {
  while (recording && own === job) {
    const { rate, count } = recording;
    view.samples = recording.last(LIVE_S * rate);
    view.offset = (count - view.samples.length) / rate;
    view.to = Math.max(LIVE_S, count / rate);
    view.from = view.to - LIVE_S;
    while (view.windows.length > 1 && view.windows[1].to < view.from) view.windows.shift();
    draw();
    if (count > LONGEST_RECORDING_S * rate) await stopRecording(true);
    await new Promise((resolve) => setTimeout(resolve, 80));
  }
}

async function answerLive(own) {
  const length = facts.n_samples / facts.sample_rate;
  while (recording && own === job) {
    const next = new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    const { rate, count } = recording;
    if (count >= 0.5 * rate) {
      const samples = await resample(recording.last(Math.round(length * rate)), rate, facts.sample_rate);
      const probabilities = await ask(windowOf(samples, 0, true, facts));
      if (!recording || own !== job) return;
      const to = count / rate;
      view.windows.push({ from: Math.max(0, to - length), to, probabilities });
      show(probabilities, `microphone: the last ${seconds(Math.min(length, to))}`);
      caution(samples, facts.sample_rate);
    }
    await next;
  }
}

async function stopRecording(listen) {
  const ended = recording;
  recording = null;
  $("microphone").classList.remove("recording");
  $("microphone").textContent = "Use the microphone";
  const own = ++job;
  if (listen) status("The microphone is off. The recording is being read.");
  const heard = await ended.stop();
  if (!listen) return;
  if (!heard.length) {
    status("The microphone gave no sound.", true);
    return;
  }
  const samples = await resample(heard, ended.rate, facts.sample_rate);
  if (own === job) await analyse(own, samples, "recording", wav(samples, facts.sample_rate), "recording.wav");
}

function failed(error) {
  console.error(error);
  status(`Something went wrong: ${error.message}`, true);
}

function listen() {
  const run = (work) => work.catch(failed);
  $("choose").onclick = () => $("file").click();
  $("file").onchange = () => {
    run(openFile($("file").files[0]));
    $("file").value = "";
  };
  $("microphone").onclick = (event) => {
    if (event.detail < 2) run(recording ? stopRecording(true) : startRecording()); // a double click is one click
  };
  $("place").oninput = () => pick(Number($("place").value));
  $("whole").onclick = () => select(null);
  $("player").ontimeupdate = follow;
  for (const canvas of $("charts").querySelectorAll("canvas")) {
    canvas.onclick = (event) => {
      if (!view || view.live || view.windows.length < 2) return;
      pick(nearest(view.windows, view.from + (event.offsetX / canvas.clientWidth) * (view.to - view.from)));
    };
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    run(openFile(event.dataTransfer.files[0]));
  });
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").onchange = draw;
}

/** Chooses a window and moves the player to it: while it plays to the middle, which is nearest to this window alone. */
function pick(number) {
  const { from, to } = view.windows[number];
  view.head = $("player").paused ? from : (from + to) / 2;
  $("player").currentTime = view.head;
  select(number);
}

/** While a sound plays, the window under the playing place is shown. */
function follow() {
  if (!view || view.live) return;
  view.head = $("player").currentTime;
  if (!$("player").paused && view.windows.length > 1) select(nearest(view.windows, view.head));
  else draw();
}

try {
  await load();
  listen();
  $("choose").disabled = false;
  $("microphone").disabled = !navigator.mediaDevices;
  status(navigator.mediaDevices
    ? "Ready."
    : "Ready. The microphone works only on pages from 127.0.0.1 or with https.");
} catch (error) {
  console.error(error);
  status(`The page could not be loaded (${error.message}). Run \`python -m http.server\` in its folder, or \`serbench demo\`.`, true);
}
document.body.dataset.loaded = "true";
