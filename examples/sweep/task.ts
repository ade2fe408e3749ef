/** One point of the sweep: fits a line to noisy points by gradient descent. Run by Iris as a task. */
import type { TaskContext } from "iris/client";

/** What is varied. */
export interface Point {
  readonly rate: number;
  readonly momentum: number;
}

const STEPS = 60;
const SAMPLES = 200;

/** Points around `y = 3x - 1`, the same ones for each task. */
function samples(): readonly (readonly [x: number, y: number])[] {
  let seed = 7;
  const noise = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647 - 0.5;
  };
  return Array.from({ length: SAMPLES }, (_, i) => {
    const x = i / SAMPLES * 2 - 1;
    return [x, 3 * x - 1 + noise() / 5] as const;
  });
}

/** The loss that is reached. @throws {Error} when it grows without end */
export function main({ rate, momentum }: Point, { progress, signal }: TaskContext): number {
  const points = samples();
  let [slope, offset, slopeSpeed, offsetSpeed, loss] = [0, 0, 0, 0, Infinity];
  for (let step = 0; step < STEPS && !signal.aborted; step++) {
    let [bySlope, byOffset] = [0, 0];
    loss = 0;
    for (const [x, y] of points) {
      const error = slope * x + offset - y;
      loss += error ** 2 / SAMPLES;
      bySlope += 2 * error * x / SAMPLES;
      byOffset += 2 * error / SAMPLES;
    }
    if (!(loss < 1e6)) throw new Error(`diverged after ${step} steps`);
    slopeSpeed = momentum * slopeSpeed - rate * bySlope;
    offsetSpeed = momentum * offsetSpeed - rate * byOffset;
    slope += slopeSpeed;
    offset += offsetSpeed;
    progress({ done: step + 1, total: STEPS });
  }
  return loss;
}
