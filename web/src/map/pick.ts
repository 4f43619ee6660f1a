// SPDX-License-Identifier: MIT
//
// What is under the pointer: everything is drawn a second time, each thing with its point's index for
// a colour, into the few pixels around it, and these are read back. It is as exact as what is seen,
// however dense it is there. Beside a point, the nearest within reach counts.
import * as THREE from 'three';

// A point whose middle is outside may be left out by the driver whole: the buffer is larger than what
// is read by the largest point's core.
const MARGIN_PX = 16;

export class Picker {
  readonly scene = new THREE.Scene();
  private readonly target = new THREE.WebGLRenderTarget(1, 1, {
    minFilter: THREE.NearestFilter,
    magFilter: THREE.NearestFilter,
  });

  constructor(private readonly renderer: THREE.WebGLRenderer) {}

  // x, y, reach in CSS pixels of the canvas. -1: nothing is there.
  pick(camera: THREE.PerspectiveCamera, x: number, y: number, reach: number): number {
    const { renderer, target } = this;
    const ratio = renderer.getPixelRatio();
    const size = renderer.getDrawingBufferSize(new THREE.Vector2());
    const half = Math.round(reach * ratio);
    const margin = Math.ceil(MARGIN_PX * ratio);
    const whole = half + margin;
    const left = Math.floor(x * ratio) - whole;
    const top = Math.floor(y * ratio) - whole;
    const side = 2 * whole + 1;
    target.setSize(side, side);
    camera.setViewOffset(size.x, size.y, left, top, side, side);
    const clear = renderer.getClearAlpha();
    renderer.setRenderTarget(target);
    renderer.setClearAlpha(0);
    renderer.clear();
    renderer.render(this.scene, camera);
    const read = 2 * half + 1;
    const pixels = new Uint8Array(4 * read * read);
    renderer.readRenderTargetPixels(target, margin, margin, read, read, pixels);
    renderer.setRenderTarget(null);
    renderer.setClearAlpha(clear);
    camera.clearViewOffset();
    return nearestCode(pixels, read);
  }

  dispose(): void {
    this.target.dispose();
  }
}

// Of the codes in a square of pixels, the one nearest to its middle.
export function nearestCode(pixels: Uint8Array, side: number): number {
  const half = (side - 1) / 2;
  let best = -1;
  let bestDistance = Infinity;
  for (let i = 0; i < side * side; i++) {
    const code =
      (pixels[4 * i] ?? 0) | ((pixels[4 * i + 1] ?? 0) << 8) | ((pixels[4 * i + 2] ?? 0) << 16);
    const distance = ((i % side) - half) ** 2 + (Math.floor(i / side) - half) ** 2;
    if (code > 0 && distance < bestDistance) {
      best = code - 1;
      bestDistance = distance;
    }
  }
  return best;
}
