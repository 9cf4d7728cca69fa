// The camera as a QR reader: the browser's own detector where there is one, jsQR
// (loaded only now) elsewhere. The picture never leaves this function.

import { useEffect, useRef, useState } from "preact/hooks";

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type DetectorClass = new (options: { formats: string[] }) => Detector;

type Read = (video: HTMLVideoElement) => Promise<string | undefined>;

async function reader(): Promise<Read> {
  const Native = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (Native) {
    const detector = new Native({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue;
  }
  const { default: jsQR } = await import("jsqr");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  return async (video) => {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    return jsQR(data, width, height, { inversionAttempts: "attemptBoth" })?.data;
  };
}

export function Scanner({ onCode, onFailure }: {
  onCode: (code: string) => void; onFailure: (sentence: string) => void;
}) {
  const ref = useRef<HTMLVideoElement>(null);
  const [live, setLive] = useState(false);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let over = false;
    const run = async () => {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false,
      });
      const video = ref.current;
      if (over || !video) return;
      video.srcObject = stream;
      await video.play();
      setLive(true);
      const read = await reader();
      while (!over) {
        const code = video.videoWidth > 0 ? await read(video).catch(() => undefined) : undefined;
        if (code && !over) return onCode(code);
        await new Promise((resolve) => setTimeout(resolve, 120));
      }
    };
    run().catch((error: unknown) => {
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      onFailure(refused
        ? "The camera may not be used here. Allow it in the browser's settings, or type the phrase."
        : "No camera can be used here. Type the phrase instead.");
    }).finally(() => stream?.getTracks().forEach((track) => track.stop()));
    return () => {
      over = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  return (
    <div class="scanner">
      <video ref={ref} playsInline muted aria-label="Camera" />
      <div class="finder" aria-hidden="true" />
      <p>{live ? "Point it at the code in the host's terminal" : "Starting the camera"}</p>
    </div>
  );
}
