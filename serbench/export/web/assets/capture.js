// Hands every block of microphone samples to the page: the mean of the channels.
class Capture extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length) {
      const mean = new Float32Array(channels[0].length);
      for (const samples of channels) for (let i = 0; i < mean.length; i++) mean[i] += samples[i] / channels.length;
      this.port.postMessage(mean, [mean.buffer]);
    }
    return true;
  }
}
registerProcessor("capture", Capture);
