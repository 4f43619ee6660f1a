// SPDX-License-Identifier: MIT
//
// The stage: camera, renderer, and the frames. It draws when something has changed and rests
// otherwise: a map that nobody moves costs nothing. The canvas has the screen's pixels.
import * as THREE from 'three';
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js';
import { Atlas, SHOWN_MAX } from './atlas';
import {
  between,
  type CameraPlace,
  FIELD_OF_VIEW,
  FURTHEST,
  homeOf,
  NEAREST,
  tanHalf,
  type Vec3,
} from './camera';
import { type ScreenPoint, spacing } from './model';
import { nearest } from './near';
import { Picker } from './pick';
import { PointCloud } from './points';

const TRAVEL_MS = 900;
const FLIGHT_MS = 650;
const PICTURE_PX = 26; // a picture that would be smaller stays a point
const PIXEL_RATIO_MAX = 3;

const reducedMotion = (): boolean => window.matchMedia('(prefers-reduced-motion: reduce)').matches;
const isDark = (): boolean => document.documentElement.dataset.theme !== 'light';
const ease = (t: number): number => (t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);

interface Places {
  ids: readonly number[];
  start: Float32Array;
  end: Float32Array;
  pictureSize: number;
}

export class Stage {
  readonly canvas = document.createElement('canvas');
  readonly cloud = new PointCloud();
  readonly controls: OrbitControls;
  private readonly camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.01, 50);
  private readonly renderer: THREE.WebGLRenderer;
  private readonly atlas: Atlas;
  private readonly picker: Picker;
  private readonly scene = new THREE.Scene();
  private readonly motions = new Map<string, (now: number) => boolean>(); // false: it is over
  private frame = 0;
  private resting = false;
  private atHome = true; // nobody has moved the camera yet
  private places: Places | null = null;
  frames = 0; // drawn so far, for whoever wants to see that it rests
  drawCalls = 0; // of the last one
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
    this.picker = new Picker(this.renderer);
    this.scene.add(this.cloud.points, this.atlas.mesh);
    this.picker.scene.add(this.cloud.pickPoints, this.atlas.pickMesh);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.enableDamping = !reducedMotion();
    this.controls.dampingFactor = 0.12;
    this.controls.minDistance = NEAREST;
    this.controls.maxDistance = FURTHEST;
    this.controls.zoomToCursor = true;
    this.controls.addEventListener('change', () => this.invalidate());
    this.controls.addEventListener('start', () => {
      this.atHome = false;
      this.motions.delete('fly'); // the hand wins
    });
    this.controls.addEventListener('end', () => this.onMoved());
    this.canvas.addEventListener('webglcontextrestored', () => {
      this.atlas.clear();
      this.invalidate();
    });
    new ResizeObserver(() => this.resize()).observe(box);
    this.watchPixelRatio();
    box.prepend(this.canvas);
    this.resize();
  }

  get pictures(): number {
    return this.atlas.shown;
  }

  // While the map is not looked at, nothing is drawn.
  rest(resting: boolean): void {
    this.resting = resting;
    if (!resting) this.invalidate();
  }

  showTheme(): void {
    const ratio = this.renderer.getPixelRatio();
    this.cloud.setLook(ratio, isDark());
    this.atlas.setLook(this.canvas.clientHeight, ratio, isDark());
    this.invalidate();
  }

  // Points go from `start` to `end`; `travel`: they take their time, where motion is welcome.
  setPoints(ids: readonly number[], start: Float32Array, end: Float32Array, travel: boolean): void {
    const first = this.places === null;
    this.places = { ids, start, end, pictureSize: pictureSize(end) };
    this.cloud.setPositions(start, end);
    this.cloud.travel = 1;
    this.motions.delete('travel');
    if (travel && !reducedMotion()) {
      this.cloud.travel = 0;
      this.move('travel', TRAVEL_MS, (part) => {
        this.cloud.travel = part;
      });
    }
    if (first) this.place(this.home);
    else if (this.atHome) this.goHome();
    this.invalidate();
  }

  // Where all points are at this moment, also on their way.
  positionsNow(): Float32Array {
    if (!this.places) return new Float32Array(0);
    const { start, end } = this.places;
    const t = this.cloud.travel;
    return t >= 1 ? end : end.map((value, i) => (start[i] ?? 0) * (1 - t) + value * t);
  }

  get home(): CameraPlace {
    return homeOf(this.places?.end ?? new Float32Array(0), this.camera.aspect);
  }

  // A point's index; -1: none within reach (CSS pixels).
  pick(x: number, y: number, reach: number): number {
    return this.picker.pick(this.camera, x, y, reach);
  }

  // Where a place of the cloud is on the canvas, in CSS pixels, and how far away; null: behind.
  project(x: number, y: number, z: number): (ScreenPoint & { distance: number }) | null {
    const place = this.scratch.set(x, y, z).applyMatrix4(this.camera.matrixWorldInverse);
    const distance = -place.z;
    if (distance < this.camera.near) return null;
    const half = this.canvas.clientHeight / (2 * tanHalf * distance);
    return {
      x: this.canvas.clientWidth / 2 + place.x * half,
      y: this.canvas.clientHeight / 2 - place.y * half,
      distance,
    };
  }
  private readonly scratch = new THREE.Vector3();

  place({ position, target }: CameraPlace): void {
    this.camera.position.set(...position);
    this.controls.target.set(...target);
    this.controls.update();
    this.camera.updateMatrixWorld();
    this.invalidate();
  }

  // As the address says: from then on it is nobody's home.
  restore(place: CameraPlace): void {
    this.motions.delete('fly');
    this.atHome = false;
    this.place(place);
  }

  get where(): CameraPlace {
    return { position: this.camera.position.toArray(), target: this.controls.target.toArray() };
  }

  goHome(): void {
    this.fly(this.home);
    this.atHome = true;
  }

  flyTo(centre: Vec3, radius: number): void {
    const target = new THREE.Vector3(...centre);
    const direction = this.camera.position.clone().sub(this.controls.target).normalize();
    const distance = Math.max(0.12, (radius * 1.35) / tanHalf);
    const position = target.clone().addScaledVector(direction, distance).toArray();
    this.fly({ position, target: centre });
  }

  private fly(to: CameraPlace): void {
    this.atHome = false;
    const from = this.where;
    const finish = (): void => {
      this.place(to);
      this.onMoved();
    };
    if (reducedMotion()) {
      finish();
      return;
    }
    this.move('fly', FLIGHT_MS, (part) => {
      if (part >= 1) finish();
      else this.place(between(from, to, part));
    });
  }

  orbit(horizontal: number, vertical: number): void {
    const offset = this.camera.position.clone().sub(this.controls.target);
    const spherical = new THREE.Spherical().setFromVector3(offset);
    spherical.theta += horizontal;
    spherical.phi = Math.min(Math.PI - 0.05, Math.max(0.05, spherical.phi + vertical));
    this.camera.position.copy(this.controls.target).add(offset.setFromSpherical(spherical));
    this.steered();
  }

  zoom(factor: number): void {
    const offset = this.camera.position.clone().sub(this.controls.target);
    offset.setLength(Math.min(FURTHEST, Math.max(NEAREST, offset.length() * factor)));
    this.camera.position.copy(this.controls.target).add(offset);
    this.steered();
  }

  // Sideways and up, in parts of what is seen.
  pan(right: number, up: number): void {
    const seen = 2 * tanHalf * this.camera.position.distanceTo(this.controls.target);
    const step = new THREE.Vector3(right * seen, up * seen, 0).applyQuaternion(
      this.camera.quaternion,
    );
    this.camera.position.add(step);
    this.controls.target.add(step);
    this.steered();
  }

  private steered(): void {
    this.motions.delete('fly');
    this.atHome = false;
    this.controls.update();
    this.invalidate();
    this.onMoved();
  }

  // What is seen now, as a canvas of the screen's pixels, over a background.
  copy(background: string): HTMLCanvasElement {
    this.draw();
    const copy = document.createElement('canvas');
    copy.width = this.canvas.width;
    copy.height = this.canvas.height;
    const context = copy.getContext('2d');
    if (!context) throw new Error('this browser gives no canvas to draw on');
    context.fillStyle = background;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.canvas, 0, 0);
    return copy;
  }

  invalidate(): void {
    if (this.frame || this.resting) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      if (!this.resting) this.step(now);
    });
  }

  private step(now: number): void {
    for (const [name, motion] of this.motions) if (!motion(now)) this.motions.delete(name);
    const moving = this.controls.update();
    this.camera.updateMatrixWorld();
    this.showPictures();
    this.draw();
    this.onFrame();
    if (moving || this.motions.size > 0) this.invalidate();
  }

  private draw(): void {
    this.renderer.clear();
    this.renderer.render(this.scene, this.camera);
    this.drawCalls = this.renderer.info.render.calls;
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

  // The visible points that are near the viewer and in sight, nearest first, as pictures.
  private showPictures(): void {
    const { cloud, places } = this;
    if (!places) return;
    const { ids, end, pictureSize: size } = places;
    const { clientHeight } = this.canvas;
    const reach = (size * clientHeight) / (2 * tanHalf * PICTURE_PX);
    const near = this.motions.has('travel')
      ? []
      : nearest(
          end,
          cloud.states,
          this.camera.matrixWorldInverse.elements,
          { reach, across: tanHalf * this.camera.aspect, along: tanHalf, margin: size },
          SHOWN_MAX,
        );
    cloud.chosenIsPicture = this.atlas.show(
      near.map((index) => ({
        id: ids[index] ?? 0,
        index,
        x: end[3 * index] ?? 0,
        y: end[3 * index + 1] ?? 0,
        z: end[3 * index + 2] ?? 0,
      })),
      size,
      cloud.states,
      cloud.tints,
    );
  }

  // A window may be moved to a screen with other pixels.
  private watchPixelRatio(): void {
    window
      .matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`)
      .addEventListener('change', () => {
        this.resize();
        this.watchPixelRatio();
      }, { once: true });
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.box;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, PIXEL_RATIO_MAX));
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.camera.aspect = clientWidth / clientHeight;
    this.camera.updateProjectionMatrix();
    this.showTheme();
    if (this.atHome && this.places) this.place(this.home);
  }
}

// As large as they can be without covering each other much.
const pictureSize = (positions: Float32Array): number =>
  Math.min(0.16, Math.max(0.02, 1.2 * spacing(positions)));
