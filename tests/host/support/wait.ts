export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until what comes back is true, else throws after so many seconds. */
export async function eventually(seconds: number, what: () => boolean): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!what()) {
    if (performance.now() > deadline)
      throw new Error(`not within ${seconds} s: ${what.toString()}`);
    await pause(50);
  }
}
