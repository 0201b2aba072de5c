// Sound as numbers: decoding, windows, mel bands, WAV files. Nothing here touches the page.

/** Decodes a file to mono samples at `rate` Hz: the mean of its channels. */
export async function decode(bytes, rate) {
  const own = statedRate(bytes);
  const context = own === null ? null : contextAt(own);
  if (context) return resample(mono(await context.decodeAudioData(bytes)), own, rate);
  return mono(await contextAt(rate).decodeAudioData(bytes)); // resampled by the browser, whose filter is a coarser one
}

function contextAt(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return null;
  }
}

/** Sample rate that a WAV, FLAC, Ogg or MP3 file states; null for other files. */
export function statedRate(bytes) {
  const view = new DataView(bytes);
  const size = view.byteLength;
  const is = (at, text) => at + text.length <= size && [...text].every((c, i) => view.getUint8(at + i) === c.charCodeAt(0));
  if (is(0, "RIFF") && is(8, "WAVE")) {
    for (let at = 12; at + 16 <= size; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) % 2)) {
      if (is(at, "fmt ")) return view.getUint32(at + 12, true);
    }
    return null;
  }
  if (is(0, "fLaC") && size > 21) return view.getUint32(18) >>> 12;
  if (is(0, "OggS") && size > 60) {
    const packet = 27 + view.getUint8(26);
    if (is(packet, "OpusHead")) return 48000;
    return is(packet, "\u0001vorbis") ? view.getUint32(packet + 12, true) : null;
  }
  return mp3Rate(view, is(0, "ID3") && size > 10 ? 10 + synchsafe(view.getUint32(6)) : 0);
}

const synchsafe = (value) =>
  ((value >>> 24) << 21) | (((value >>> 16) & 255) << 14) | (((value >>> 8) & 255) << 7) | (value & 255);

function mp3Rate(view, at) {
  if (at + 4 > view.byteLength) return null;
  const head = view.getUint32(at);
  const version = (head >>> 19) & 3;
  const index = (head >>> 10) & 3;
  if (head >>> 21 !== 0x7ff || version === 1 || ((head >>> 17) & 3) !== 1 || index === 3) return null;
  return [44100, 48000, 32000][index] / { 3: 1, 2: 2, 0: 4 }[version];
}

function mono(buffer) {
  const first = buffer.getChannelData(0);
  if (buffer.numberOfChannels === 1) return first;
  const mean = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mean.length; i++) mean[i] += samples[i];
  }
  for (let i = 0; i < mean.length; i++) mean[i] /= buffer.numberOfChannels;
  return mean;
}

// The filter of soxr's quality HQ, which the network learned from: a sinc under a Kaiser window. soxr shapes it a little
// for each pair of rates; these numbers were fitted to five common pairs and leave -60 to -72 dB of the impulse response.
// Half width in samples of the lower rate.
const CUTOFF = 0.956855;
const HALF_WIDTH = 105.268;
const STEEPNESS = 14.695;
const AT_ONCE = 4e7;

/** Resamples nearly as soxr does. */
export async function resample(samples, own, rate) {
  if (own === rate) return samples;
  const scale = Math.min(1, rate / own);
  const half = HALF_WIDTH / scale;
  const taps = 2 * Math.ceil(half) + 1;
  const shared = divisor(own, rate);
  const phases = rate / shared;
  const step = own / shared;
  const kernels = new Map();
  const found = new Float32Array(Math.round((samples.length * rate) / own));
  let work = 0;
  for (let i = 0; i < found.length; i++) {
    const phase = (i * step) % phases;
    let kernel = kernels.get(phase);
    if (!kernel) kernels.set(phase, (kernel = kernelAt(phase / phases, scale * CUTOFF, half, taps)));
    const first = Math.floor((i * step) / phases) - Math.ceil(half);
    const end = Math.min(taps, samples.length - first);
    let sum = 0;
    for (let tap = Math.max(0, -first); tap < end; tap++) sum += kernel[tap] * samples[first + tap];
    found[i] = sum;
    if ((work += taps) > AT_ONCE) {
      work = 0;
      await new Promise((resolve) => setTimeout(resolve)); // the page stays alive
    }
  }
  return found;
}

function kernelAt(offset, cutoff, half, taps) {
  return Float64Array.from({ length: taps }, (_, tap) => {
    const time = tap - (taps - 1) / 2 - offset;
    if (Math.abs(time) >= half) return 0;
    const angle = Math.PI * cutoff * time;
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
    return cutoff * sinc * (bessel(STEEPNESS * Math.sqrt(1 - (time / half) ** 2)) / bessel(STEEPNESS));
  });
}

/** Modified Bessel function of the first kind, order 0. */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b));

/** First sample of each window, as `serbench predict` cuts a file: evenly spread if it is short, else overlapping by half. */
export function windowStarts(count, facts) {
  const length = facts.n_samples;
  if (count <= length) return [0];
  if (count <= Math.ceil(facts.longest_clip_s * facts.sample_rate) + 1) {
    const crops = facts.prediction_crops;
    if (crops === 1) return [0];
    return Array.from({ length: crops }, (_, crop) => Math.floor(((count - length) * crop) / (crops - 1)));
  }
  const starts = [];
  for (let start = 0; start < count - length; start += Math.floor(length / 2)) starts.push(start);
  starts.push(count - length);
  return starts;
}

/** The samples of one window, padded with zeros beyond the ends of the sound. */
export function windowOf(samples, start, alone, facts) {
  const length = facts.n_samples;
  const first = alone && facts.crop === "centre" ? Math.floor((samples.length - length) / 2) : start;
  const window = new Float32Array(length);
  const begin = Math.max(first, 0);
  const end = Math.min(first + length, samples.length);
  if (begin < end) window.set(samples.subarray(begin, end), begin - first);
  return window;
}

/** A WAV file of 32-bit floats, which keeps every sample as it is. */
export function wav(samples, rate) {
  const head = new DataView(new ArrayBuffer(58));
  const text = (at, value) => [...value].forEach((char, i) => head.setUint8(at + i, char.charCodeAt(0)));
  const bytes = samples.length * 4;
  text(0, "RIFF");
  head.setUint32(4, 50 + bytes, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 18, true);
  head.setUint16(20, 3, true); // IEEE float
  head.setUint16(22, 1, true);
  head.setUint32(24, rate, true);
  head.setUint32(28, rate * 4, true);
  head.setUint16(32, 4, true);
  head.setUint16(34, 32, true);
  head.setUint16(36, 0, true);
  text(38, "fact");
  head.setUint32(42, 4, true);
  head.setUint32(46, samples.length, true);
  text(50, "data");
  head.setUint32(54, bytes, true);
  return new Blob([head.buffer, samples], { type: "audio/wav" });
}

export function peak(samples) {
  let most = 0;
  for (let i = 0; i < samples.length; i++) most = Math.max(most, Math.abs(samples[i]));
  return most;
}

/** Mel bands of single frames, for show: the network computes its own. */
export class MelFrames {
  constructor(rate, top, bands = 56) {
    this.bands = bands;
    this.top = Math.min(8000, top, rate / 2);
    this.size = 2 ** Math.round(Math.log2(rate * 0.032));
    this.real = new Float32Array(this.size);
    this.imaginary = new Float32Array(this.size);
    this.hann = Float32Array.from({ length: this.size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / this.size));
    const toMel = (hz) => 2595 * Math.log10(1 + hz / 700);
    const toHz = (mel) => 700 * (10 ** (mel / 2595) - 1);
    const edges = Array.from({ length: bands + 2 }, (_, i) => toHz((toMel(this.top) * i) / (bands + 1)));
    this.filters = edges.slice(1, -1).map((centre, i) => {
      const weights = [];
      for (let bin = 0; bin <= this.size / 2; bin++) {
        const hz = (bin * rate) / this.size;
        const weight = Math.min((hz - edges[i]) / (centre - edges[i]), (edges[i + 2] - hz) / (edges[i + 2] - centre));
        if (weight > 0) weights.push([bin, weight]);
      }
      return weights.length ? weights : [[Math.round((centre * this.size) / rate), 1]];
    });
  }

  /** Level of each band in dB, of the frame around a sample. */
  at(samples, centre) {
    const { real, imaginary, size } = this;
    const first = Math.round(centre - size / 2);
    for (let i = 0; i < size; i++) real[i] = (samples[first + i] ?? 0) * this.hann[i];
    imaginary.fill(0);
    fourier(real, imaginary);
    return Float32Array.from(this.filters, (weights) => {
      let power = 0;
      for (const [bin, weight] of weights) power += weight * (real[bin] ** 2 + imaginary[bin] ** 2);
      return 10 * Math.log10(power + 1e-10);
    });
  }
}

/** Fast Fourier transform in place, radix 2. */
export function fourier(real, imaginary) {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let length = 2; length <= size; length *= 2) {
    const angle = (-2 * Math.PI) / length;
    for (let place = 0; place < length / 2; place++) {
      const cosine = Math.cos(angle * place);
      const sine = Math.sin(angle * place);
      for (let i = place; i < size; i += length) {
        const other = i + length / 2;
        const re = real[other] * cosine - imaginary[other] * sine;
        const im = real[other] * sine + imaginary[other] * cosine;
        real[other] = real[i] - re;
        imaginary[other] = imaginary[i] - im;
        real[i] += re;
        imaginary[i] += im;
      }
    }
  }
}
