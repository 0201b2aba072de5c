// Records from the microphone, without the browser's own filters: the network learned from sound without them.

const ASKED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** A recording in progress. `rate` is the microphone's own sample rate. */
export class Recording {
  static async start() {
    if (!navigator.mediaDevices) {
      throw new DOMException("browsers give it to pages of https or of this machine alone", "SecurityError");
    }
    const stream = await navigator.mediaDevices.getUserMedia({ audio: ASKED });
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule("capture.js");
      return new Recording(stream, context);
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      await context.close();
      throw error;
    }
  }

  constructor(stream, context) {
    this.stream = stream;
    this.context = context;
    this.rate = context.sampleRate;
    this.count = 0;
    this.blocks = [];
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => {
      this.blocks.push(data);
      this.count += data.length;
    };
    context.createMediaStreamSource(stream).connect(this.node);
    context.resume();
  }

  /** The last samples, at most this many. */
  last(most) {
    const size = Math.min(most, this.count);
    const found = new Float32Array(size);
    let end = size;
    for (let i = this.blocks.length - 1; i >= 0 && end > 0; i--) {
      const block = this.blocks[i];
      const taken = Math.min(block.length, end);
      found.set(block.subarray(block.length - taken), end - taken);
      end -= taken;
    }
    return found;
  }

  /** Ends the recording and returns all of it. */
  async stop() {
    this.node.port.onmessage = null;
    this.stream.getTracks().forEach((track) => track.stop());
    await this.context.close();
    return this.last(this.count);
  }
}
