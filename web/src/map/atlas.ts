// SPDX-License-Identifier: MIT
//
// Pictures instead of points, where one is close: a texture of cells of 64 pixels that holds the
// thumbnails used last, and one draw call of instanced squares that face the viewer. A cell belongs
// to a photograph's id, never to an index: after filtering or a new answer it is still the right one.
import * as THREE from 'three';

const CELL_PX = 64;
const CELLS = 24; // a side: 576 pictures
const LOADING_MAX = 6;
const SHOWN_MAX = 300;

const vertex = /* glsl */ `
  in vec3 place;
  in vec4 cell; // u, v of its corner, width and height of the picture within it
  uniform float size;
  out vec2 uvs;
  void main() {
    vec4 middle = modelViewMatrix * vec4(place, 1.0);
    middle.xy += position.xy * size * cell.zw;
    gl_Position = projectionMatrix * middle;
    uvs = cell.xy + (uv - 0.5) * cell.zw / float(${CELLS}) + 0.5 / float(${CELLS});
  }
`;

const fragment = /* glsl */ `
  precision highp float;
  in vec2 uvs;
  uniform sampler2D sheet;
  out vec4 result;
  void main() { result = vec4(texture(sheet, uvs).rgb, 1.0); }
`;

interface Cell {
  index: number;
  width: number; // of the longer side, 1 for that
  height: number;
  ready: boolean;
}

export class Atlas {
  readonly mesh: THREE.Mesh;
  private readonly sheet: THREE.DataTexture;
  private readonly cells = new Map<number, Cell>(); // by id; the one used last is the last
  private readonly free = Array.from({ length: CELLS * CELLS }, (_, i) => i);
  private loading = 0;
  private waiting: number[] = [];
  private readonly place = new THREE.InstancedBufferAttribute(new Float32Array(3 * SHOWN_MAX), 3);
  private readonly cell = new THREE.InstancedBufferAttribute(new Float32Array(4 * SHOWN_MAX), 4);
  private readonly geometry = new THREE.InstancedBufferGeometry();
  private readonly material: THREE.ShaderMaterial;

  constructor(
    private readonly renderer: THREE.WebGLRenderer,
    private readonly onReady: () => void,
  ) {
    const side = CELL_PX * CELLS;
    this.sheet = new THREE.DataTexture(new Uint8Array(4 * side * side), side, side);
    this.sheet.minFilter = THREE.LinearFilter;
    this.sheet.magFilter = THREE.LinearFilter;
    this.sheet.needsUpdate = true;
    const square = new THREE.PlaneGeometry(1, 1);
    this.geometry.index = square.index;
    for (const name of ['position', 'uv'])
      this.geometry.setAttribute(name, square.getAttribute(name));
    this.geometry.setAttribute('place', this.place);
    this.geometry.setAttribute('cell', this.cell);
    this.geometry.instanceCount = 0;
    this.material = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms: { sheet: { value: this.sheet }, size: { value: 0.05 } },
      transparent: true, // drawn after the points, which are
      vertexShader: vertex,
      fragmentShader: fragment,
    });
    this.mesh = new THREE.Mesh(this.geometry, this.material);
    this.mesh.frustumCulled = false;
    this.mesh.visible = false;
    this.mesh.renderOrder = 1; // over the points that they stand for
  }

  // The photographs that are near enough, nearest first, with where they are.
  show(near: readonly { id: number; x: number; y: number; z: number }[], size: number): void {
    let shown = 0;
    this.waiting = [];
    for (const { id, x, y, z } of near.slice(0, SHOWN_MAX)) {
      const cell = this.cells.get(id);
      if (!cell) {
        this.waiting.push(id);
        continue;
      }
      this.cells.delete(id); // and in again, as the one used last
      this.cells.set(id, cell);
      if (!cell.ready) continue;
      this.place.setXYZ(shown, x, y, z);
      this.cell.setXYZW(
        shown,
        (cell.index % CELLS) / CELLS,
        Math.floor(cell.index / CELLS) / CELLS,
        cell.width,
        cell.height,
      );
      shown++;
    }
    this.material.uniforms['size'] = { value: size };
    this.geometry.instanceCount = shown;
    this.mesh.visible = shown > 0;
    this.place.needsUpdate = true;
    this.cell.needsUpdate = true;
    this.loadMore();
  }

  get shown(): number {
    return this.geometry.instanceCount;
  }

  private loadMore(): void {
    while (this.loading < LOADING_MAX && this.waiting.length > 0)
      void this.load(this.waiting.shift() as number);
  }

  private takeCell(): number {
    const free = this.free.pop();
    if (free !== undefined) return free;
    for (const [id, cell] of this.cells) {
      if (!cell.ready) continue;
      this.cells.delete(id);
      return cell.index;
    }
    return -1;
  }

  private async load(id: number): Promise<void> {
    const index = this.takeCell();
    if (index < 0) return;
    const cell: Cell = { index, width: 1, height: 1, ready: false };
    this.cells.set(id, cell);
    this.loading++;
    try {
      const response = await fetch(`/api/v1/photos/${id}/thumbnail`);
      if (!response.ok) throw new Error(response.statusText);
      const bitmap = await createImageBitmap(await response.blob());
      this.put(cell, bitmap);
      this.onReady();
    } catch {
      this.cells.delete(id); // it stays a point
      this.free.push(index);
    } finally {
      this.loading--;
      this.loadMore();
    }
  }

  private put(cell: Cell, bitmap: ImageBitmap): void {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = CELL_PX;
    const context = canvas.getContext('2d');
    if (!context) return;
    const scale = CELL_PX / Math.max(bitmap.width, bitmap.height);
    cell.width = (bitmap.width * scale) / CELL_PX;
    cell.height = (bitmap.height * scale) / CELL_PX;
    context.drawImage(
      bitmap,
      (CELL_PX - bitmap.width * scale) / 2,
      (CELL_PX - bitmap.height * scale) / 2,
      bitmap.width * scale,
      bitmap.height * scale,
    );
    bitmap.close();
    const pixels = context.getImageData(0, 0, CELL_PX, CELL_PX).data;
    const part = new THREE.DataTexture(flipRows(pixels), CELL_PX, CELL_PX);
    part.needsUpdate = true;
    const at = new THREE.Vector2(
      (cell.index % CELLS) * CELL_PX,
      Math.floor(cell.index / CELLS) * CELL_PX,
    );
    this.renderer.copyTextureToTexture(part, this.sheet, null, at);
    part.dispose();
    cell.ready = true;
  }

  dispose(): void {
    this.geometry.dispose();
    this.material.dispose();
    this.sheet.dispose();
  }
}

// A texture's rows count from below.
function flipRows(pixels: Uint8ClampedArray): Uint8Array {
  const row = 4 * CELL_PX;
  const flipped = new Uint8Array(pixels.length);
  for (let y = 0; y < CELL_PX; y++)
    flipped.set(pixels.subarray(y * row, (y + 1) * row), (CELL_PX - 1 - y) * row);
  return flipped;
}
