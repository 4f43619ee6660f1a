// SPDX-License-Identifier: MIT
//
// Pictures instead of points, where one is close: a texture of cells that holds the thumbnails used
// last, and one draw call of instanced squares that face the viewer. A cell belongs to a photograph's
// id, never to an index: after filtering or a new answer it is still the right one. The texture is
// made when the first picture is near.
import * as THREE from 'three';
import { tanHalf } from './camera';
import { STATE } from './model';
import {
  pictureFragment,
  picturePickFragment,
  picturePickVertex,
  pictureVertex,
} from './shaders';

const CELL_PX = 128;
const CELLS = 20; // a side: 400 pictures
const LOADING_MAX = 6;
export const SHOWN_MAX = 300;
const LARGEST_PX = 150; // on the screen

export interface Near {
  id: number;
  index: number;
  x: number;
  y: number;
  z: number;
}

interface Cell {
  index: number;
  width: number; // of the longer side, 1 for that
  height: number;
  ready: boolean;
}

const instanced = (items: number): THREE.InstancedBufferAttribute =>
  new THREE.InstancedBufferAttribute(new Float32Array(items * SHOWN_MAX), items);

export class Atlas {
  readonly mesh: THREE.Mesh;
  readonly pickMesh: THREE.Mesh;
  private sheet: THREE.DataTexture | null = null;
  private readonly cells = new Map<number, Cell>(); // by id; the one used last is the last
  private free: number[] = [];
  private readonly broken = new Set<number>(); // they stay points
  private loading = 0;
  private waiting: number[] = [];
  private readonly place = instanced(3);
  private readonly cell = instanced(4);
  private readonly what = instanced(2);
  private readonly edge = instanced(3);
  private readonly geometry = new THREE.InstancedBufferGeometry();
  private readonly uniforms = {
    sheet: { value: null as THREE.DataTexture | null },
    texel: { value: 0.5 / (CELL_PX * CELLS) },
    size: { value: 0.05 },
    most: { value: LARGEST_PX },
    perPixel: { value: 0.001 },
    ringColour: { value: new THREE.Vector3(1, 1, 1) },
  };

  constructor(
    private readonly renderer: THREE.WebGLRenderer,
    private readonly onReady: () => void,
  ) {
    const { geometry, uniforms } = this;
    const square = new THREE.PlaneGeometry(1, 1);
    geometry.index = square.index;
    geometry.setAttribute('position', square.getAttribute('position'));
    geometry.setAttribute('place', this.place);
    geometry.setAttribute('cell', this.cell);
    geometry.setAttribute('what', this.what);
    geometry.setAttribute('edge', this.edge);
    geometry.instanceCount = 0;
    const material = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms,
      transparent: true, // drawn after the points, which are
      vertexShader: pictureVertex(CELLS),
      fragmentShader: pictureFragment,
    });
    const pickMaterial = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms,
      blending: THREE.NoBlending,
      vertexShader: picturePickVertex,
      fragmentShader: picturePickFragment,
    });
    this.mesh = new THREE.Mesh(geometry, material);
    this.pickMesh = new THREE.Mesh(geometry, pickMaterial);
    for (const mesh of [this.mesh, this.pickMesh]) {
      mesh.frustumCulled = false;
      mesh.visible = false;
      mesh.renderOrder = 1; // after the points: of two at one depth, the picture
    }
  }

  // height: of the canvas, in CSS pixels.
  setLook(height: number, pixelRatio: number, dark: boolean): void {
    this.uniforms.perPixel.value = (2 * tanHalf) / Math.max(1, height * pixelRatio);
    this.uniforms.most.value = LARGEST_PX * pixelRatio;
    this.uniforms.ringColour.value.setScalar(dark ? 1 : 0.1);
  }

  // The photographs that are near enough, nearest first. `states`, `tints`: of all points. Whether
  // the chosen one is among them.
  show(near: readonly Near[], size: number, states: Uint8Array, tints: Uint8Array): boolean {
    let shown = 0;
    let chosen = false;
    this.waiting = [];
    for (const { id, index, x, y, z } of near.slice(0, SHOWN_MAX)) {
      const cell = this.cells.get(id);
      if (!cell) {
        if (!this.broken.has(id)) this.waiting.push(id);
        continue;
      }
      this.cells.delete(id); // and in again, as the one used last
      this.cells.set(id, cell);
      if (!cell.ready) continue;
      const state = states[index] ?? 0;
      chosen ||= state === STATE.chosen;
      const [column, row] = [cell.index % CELLS, Math.floor(cell.index / CELLS)];
      this.place.setXYZ(shown, x, y, z);
      this.cell.setXYZW(shown, column / CELLS, row / CELLS, cell.width, cell.height);
      this.what.setXY(shown, index, state);
      const [r = 0, g = 0, b = 0] = tints.subarray(3 * index, 3 * index + 3);
      this.edge.setXYZ(shown, r / 255, g / 255, b / 255);
      shown++;
    }
    this.uniforms.size.value = size;
    if (shown > 0 || this.geometry.instanceCount > 0)
      for (const attribute of [this.place, this.cell, this.what, this.edge])
        attribute.needsUpdate = true;
    this.geometry.instanceCount = shown;
    this.mesh.visible = this.pickMesh.visible = shown > 0;
    this.loadMore();
    return chosen;
  }

  get shown(): number {
    return this.geometry.instanceCount;
  }

  // Forgets all pictures: what the graphics card had is gone, or files may be readable again.
  clear(): void {
    this.cells.clear();
    this.broken.clear();
    this.waiting = [];
    this.sheet?.dispose();
    this.sheet = null;
    this.geometry.instanceCount = 0;
  }

  private loadMore(): void {
    while (this.loading < LOADING_MAX && this.waiting.length > 0)
      void this.load(this.waiting.shift() as number);
  }

  private openSheet(): THREE.DataTexture {
    if (this.sheet) return this.sheet;
    const side = CELL_PX * CELLS;
    const sheet = new THREE.DataTexture(new Uint8Array(4 * side * side), side, side);
    sheet.minFilter = THREE.LinearFilter;
    sheet.magFilter = THREE.LinearFilter;
    sheet.needsUpdate = true;
    this.free = Array.from({ length: CELLS * CELLS }, (_, i) => i);
    this.uniforms.sheet.value = sheet;
    this.sheet = sheet;
    return sheet;
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
    const sheet = this.openSheet();
    const index = this.takeCell();
    if (index < 0) return;
    const cell: Cell = { index, width: 1, height: 1, ready: false };
    this.cells.set(id, cell);
    this.loading++;
    try {
      const response = await fetch(`/api/v1/photos/${id}/thumbnail`);
      if (!response.ok) throw new Error(response.statusText);
      const bitmap = await createImageBitmap(await response.blob());
      if (sheet !== this.sheet) return; // cleared meanwhile
      this.put(sheet, cell, bitmap);
      this.onReady();
    } catch {
      if (sheet !== this.sheet) return;
      this.broken.add(id);
      this.cells.delete(id);
      this.free.push(index);
    } finally {
      this.loading--;
      this.loadMore();
    }
  }

  private put(sheet: THREE.DataTexture, cell: Cell, bitmap: ImageBitmap): void {
    const scale = CELL_PX / Math.max(bitmap.width, bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = CELL_PX;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas for a thumbnail');
    context.translate(0, CELL_PX); // a texture's rows count from below
    context.scale(1, -1);
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, (CELL_PX - width) / 2, (CELL_PX - height) / 2, width, height);
    bitmap.close();
    cell.width = width / CELL_PX;
    cell.height = height / CELL_PX;
    const pixels = new Uint8Array(context.getImageData(0, 0, CELL_PX, CELL_PX).data);
    const part = new THREE.DataTexture(pixels, CELL_PX, CELL_PX);
    part.needsUpdate = true;
    const [column, row] = [cell.index % CELLS, Math.floor(cell.index / CELLS)];
    const corner = new THREE.Vector2(column * CELL_PX, row * CELL_PX);
    this.renderer.copyTextureToTexture(part, sheet, null, corner);
    part.dispose();
    cell.ready = true;
  }
}
