// The exported network in ONNX Runtime Web. It runs on this thread, so that the page's security policy covers it.

/** Loads the runtime and the model. Returns a function from one window of samples to its probabilities. */
export async function loadNetwork(facts) {
  const ort = await import("./runtime/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
  const answer = await fetch("model.onnx");
  if (!answer.ok) throw new Error(`model.onnx: ${answer.status}`);
  const model = new Uint8Array(await answer.arrayBuffer());
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return async (window) => {
    const waveform = new ort.Tensor("float32", window, [1, facts.n_samples]);
    const { probabilities } = await session.run({ waveform });
    const found = Array.from(probabilities.data);
    const total = found.reduce((sum, value) => sum + value, 0);
    if (found.length !== facts.labels.length || !(Math.abs(total - 1) < 1e-3)) {
      throw new Error("the answers of the model are no probabilities");
    }
    return found;
  };
}
