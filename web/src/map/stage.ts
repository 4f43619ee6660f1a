// SPDX-License-Identifier: MIT
//
// The stage: camera, renderer, and the frames. It draws when something has changed and rests
// otherwise: a map that nobody moves costs nothing. The canvas has the screen's pixels.
import * as THREE from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { Atlas } from './atlas';
import { PointCloud } from './points';
import type { ScreenPoint } from './model';

export interface CameraPlace {
  position: [number, number, number];
  target: [number, number, number];
}

export const HOME: CameraPlace = { position: [0, 0.5, 2.3], target: [0, 0, 0] };
const TRAVEL_MS = 900;
const FLIGHT_MS = 650;
const NEAR_FOR_PICTURES = 0.75;
const PICTURE_SIZE = 0.034;

const reducedMotion = (): boolean => window.matchMedia('(prefers-reduced-motion: reduce)').matches;
const ease = (t: number): number => (t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);

export class Stage {
  readonly canvas = document.createElement('canvas');
  readonly cloud = new PointCloud();
  readonly controls: OrbitControls;
  readonly camera = new THREE.PerspectiveCamera(50, 1, 0.01, 50);
  private readonly renderer: THREE.WebGLRenderer;
  private readonly atlas: Atlas;
  private readonly scene = new THREE.Scene();
  private readonly motions = new Map<string, (now: number) => boolean>(); // false: it is over
  private frame = 0;
  private readonly sized: ResizeObserver;
  private places: {
    ids: readonly number[];
    start: Float32Array;
    end: Float32Array;
    visible: (i: number) => boolean;
  } | null = null;
  frames = 0; // drawn so far, for whoever wants to see that it rests
  onFrame: () => void = () => undefined;
  onMoved: () => void = () => undefined;

  constructor(private readonly box: HTMLElement) {
    this.canvas.className = 'map-canvas';
    this.renderer = new THREE.WebGLRenderer({
      canvas: this.canvas,
      antialias: false,
      alpha: true,
      powerPreference: 'high-performance',
    });
    this.renderer.setClearAlpha(0);
    this.renderer.autoClear = false;
    this.atlas = new Atlas(this.renderer, () => this.invalidate());
    this.scene.add(this.cloud.points, this.atlas.mesh);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.enableDamping = !reducedMotion();
    this.controls.dampingFactor = 0.12;
    this.controls.minDistance = 0.03;
    this.controls.maxDistance = 8;
    this.controls.zoomToCursor = true;
    this.controls.addEventListener('change', () => this.invalidate());
    this.controls.addEventListener('end', () => this.onMoved());
    this.place(HOME);
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(box);
    box.append(this.canvas);
    this.resize();
  }

  get drawCalls(): number {
    return this.renderer.info.render.calls;
  }

  get pictures(): number {
    return this.atlas.shown;
  }

  setTheme(dark: boolean): void {
    this.cloud.setLook(this.renderer.getPixelRatio(), dark);
    this.invalidate();
  }

  // Points travel from `start` to `end`.
  setPoints(
    ids: readonly number[],
    start: Float32Array,
    end: Float32Array,
    visible: (i: number) => boolean,
  ): void {
    this.places = { ids, start, end, visible };
    this.cloud.setPositions(start, end);
    this.cloud.travel = 1;
    if (start !== end && !reducedMotion()) {
      this.cloud.travel = 0;
      this.move('travel', TRAVEL_MS, (part) => {
        this.cloud.travel = part;
      });
    }
    this.invalidate();
  }

  positionNow(index: number, into = new THREE.Vector3()): THREE.Vector3 {
    if (!this.places) return into;
    const { start, end } = this.places;
    const t = this.cloud.travel;
    const at = (k: number): number =>
      (start[3 * index + k] ?? 0) * (1 - t) + (end[3 * index + k] ?? 0) * t;
    return into.set(at(0), at(1), at(2));
  }

  pick(x: number, y: number): number {
    return this.cloud.pick(this.renderer, this.camera, x, y);
  }

  // Where a point is on the canvas, in CSS pixels; null: behind the viewer.
  project(place: THREE.Vector3): (ScreenPoint & { depth: number }) | null {
    const clip = place.clone().project(this.camera);
    if (clip.z > 1 || clip.z < -1) return null;
    const { clientWidth, clientHeight } = this.canvas;
    return {
      x: ((clip.x + 1) / 2) * clientWidth,
      y: ((1 - clip.y) / 2) * clientHeight,
      depth: clip.z,
    };
  }

  place({ position, target }: CameraPlace): void {
    this.camera.position.set(...position);
    this.controls.target.set(...target);
    this.controls.update();
    this.invalidate();
  }

  get where(): CameraPlace {
    return { position: this.camera.position.toArray(), target: this.controls.target.toArray() };
  }

  flyTo(centre: [number, number, number], radius: number): void {
    const target = new THREE.Vector3(...centre);
    const direction = this.camera.position.clone().sub(this.controls.target).normalize();
    const distance = Math.max(0.12, (radius * 1.35) / Math.tan((this.camera.fov * Math.PI) / 360));
    this.fly({
      position: target.clone().addScaledVector(direction, distance).toArray(),
      target: centre,
    });
  }

  fly(to: CameraPlace): void {
    const from = this.where;
    const finish = (): void => {
      this.place(to);
      this.onMoved();
    };
    if (reducedMotion()) {
      finish();
      return;
    }
    const lerp = (
      a: [number, number, number],
      b: [number, number, number],
      t: number,
    ): [number, number, number] => [
      a[0] + (b[0] - a[0]) * t,
      a[1] + (b[1] - a[1]) * t,
      a[2] + (b[2] - a[2]) * t,
    ];
    this.move('fly', FLIGHT_MS, (part) => {
      if (part >= 1) finish();
      else
        this.place({
          position: lerp(from.position, to.position, part),
          target: lerp(from.target, to.target, part),
        });
    });
  }

  orbit(horizontal: number, vertical: number): void {
    const offset = this.camera.position.clone().sub(this.controls.target);
    const spherical = new THREE.Spherical().setFromVector3(offset);
    spherical.theta += horizontal;
    spherical.phi = Math.min(Math.PI - 0.05, Math.max(0.05, spherical.phi + vertical));
    this.camera.position.copy(this.controls.target).add(offset.setFromSpherical(spherical));
    this.controls.update();
    this.onMoved();
  }

  zoom(factor: number): void {
    const offset = this.camera.position.clone().sub(this.controls.target);
    offset.setLength(
      Math.min(
        this.controls.maxDistance,
        Math.max(this.controls.minDistance, offset.length() * factor),
      ),
    );
    this.camera.position.copy(this.controls.target).add(offset);
    this.controls.update();
    this.onMoved();
  }

  async picture(background: string): Promise<Blob | null> {
    this.draw();
    const copy = document.createElement('canvas');
    copy.width = this.canvas.width;
    copy.height = this.canvas.height;
    const context = copy.getContext('2d');
    if (!context) return null;
    context.fillStyle = background;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.canvas, 0, 0);
    return new Promise((resolve) => copy.toBlob(resolve, 'image/png'));
  }

  invalidate(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      this.step(now);
    });
  }

  private step(now: number): void {
    for (const [name, motion] of this.motions) if (!motion(now)) this.motions.delete(name);
    const moving = this.controls.update();
    this.showPictures();
    this.draw();
    this.onFrame();
    if (moving || this.motions.size > 0) this.invalidate();
  }

  private draw(): void {
    this.renderer.clear();
    this.renderer.render(this.scene, this.camera);
    this.frames++;
  }

  private move(name: string, duration_ms: number, set: (part: number) => void): void {
    let started = -1;
    this.motions.set(name, (now) => {
      if (started < 0) started = now;
      const part = Math.min(1, (now - started) / duration_ms);
      set(ease(part));
      return part < 1;
    });
    this.invalidate();
  }

  // The visible points that are near the viewer and in front, nearest first.
  private showPictures(): void {
    if (!this.places || this.motions.has('travel')) {
      this.atlas.show([], PICTURE_SIZE);
      return;
    }
    const { ids, end, visible } = this.places;
    const eye = this.camera.position;
    const ahead = this.camera.getWorldDirection(new THREE.Vector3());
    const near: { id: number; x: number; y: number; z: number; d: number }[] = [];
    for (let i = 0; i < ids.length; i++) {
      const [x, y, z] = [end[3 * i] ?? 0, end[3 * i + 1] ?? 0, end[3 * i + 2] ?? 0];
      const [dx, dy, dz] = [x - eye.x, y - eye.y, z - eye.z];
      const depth = dx * ahead.x + dy * ahead.y + dz * ahead.z;
      if (depth < 0.03 || depth > NEAR_FOR_PICTURES || !visible(i)) continue;
      const aside = dx * dx + dy * dy + dz * dz - depth * depth;
      if (aside > depth * depth) continue; // outside of what is seen
      near.push({ id: ids[i] ?? 0, x, y, z, d: depth });
    }
    near.sort((a, b) => a.d - b.d);
    this.atlas.show(near, PICTURE_SIZE);
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.box;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 3));
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.camera.aspect = clientWidth / clientHeight;
    this.camera.updateProjectionMatrix();
    this.setTheme(document.documentElement.dataset.theme !== 'light');
    this.invalidate();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.sized.disconnect();
    this.controls.dispose();
    this.atlas.dispose();
    this.cloud.dispose();
    this.renderer.dispose();
    this.canvas.remove();
  }
}
