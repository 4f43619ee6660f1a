// SPDX-License-Identifier: MIT
//
// The points: one buffer, one draw call, however many. Each has a place to come from and one to go to
// (a uniform says how far it is), a colour, and a state. The same buffer is drawn a second time, with
// each point's index for a colour, into a few pixels around the pointer: what is picked is what is
// seen, however dense it is there.
import * as THREE from 'three';

export const HIDDEN = 0;
export const DIM = 1;
export const PLAIN = 2;
export const HIT = 3;
export const CHOSEN = 4;

const vertexCommon = /* glsl */ `
  in vec3 start;
  in float state;
  uniform float travel, pixels, size;
  vec4 placed() {
    return projectionMatrix * modelViewMatrix * vec4(mix(start, position, travel), 1.0);
  }
  float pointSize(float depth, float factor) {
    float wanted = size * pixels * factor / max(depth, 0.05);
    return clamp(wanted, 1.5 * pixels, 64.0 * pixels);
  }
  float factorOf(float s) { return s > 3.5 ? 2.2 : s > 2.5 ? 1.5 : s < 1.5 ? 0.7 : 1.0; }
`;

const vertex = /* glsl */ `
  ${vertexCommon}
  in vec3 tint;
  out vec4 colour;
  out float chosen;
  void main() {
    gl_Position = placed();
    if (state < 0.5) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = pointSize(gl_Position.w, factorOf(state));
    colour = vec4(tint, state < 1.5 ? 0.13 : 1.0);
    chosen = state > 3.5 ? 1.0 : 0.0;
  }
`;

// A core with a glow around it; premultiplied, so that one blending serves dark (where light adds up)
// and light (where it must not wash out).
const fragment = /* glsl */ `
  precision highp float;
  in vec4 colour;
  in float chosen;
  uniform float glow;
  out vec4 result;
  void main() {
    float r = length(gl_PointCoord - 0.5) * 2.0;
    if (r > 1.0) discard;
    float core = 1.0 - smoothstep(0.42, 0.55, r);
    float halo = pow(1.0 - r, 2.0) * 0.5;
    float ring = chosen * smoothstep(0.62, 0.7, r) * (1.0 - smoothstep(0.84, 0.95, r));
    float alpha = max(core, halo) * colour.a;
    vec3 lit = colour.rgb * alpha + vec3(1.0) * ring;
    result = vec4(lit, mix(max(alpha, ring), core * colour.a + ring, glow));
  }
`;

const pickVertex = /* glsl */ `
  ${vertexCommon}
  flat out vec4 code;
  void main() {
    gl_Position = placed();
    if (state < 0.5) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = max(pointSize(gl_Position.w, factorOf(state)) * 0.6, 3.0 * pixels);
    int n = gl_VertexID + 1;
    code = vec4(n & 255, (n >> 8) & 255, (n >> 16) & 255, 255) / 255.0;
  }
`;

const pickFragment = /* glsl */ `
  precision highp float;
  flat in vec4 code;
  out vec4 result;
  void main() {
    if (length(gl_PointCoord - 0.5) > 0.5) discard;
    result = code;
  }
`;

const PICK_PX = 13; // odd: the pointer is its middle

export class PointCloud {
  readonly points: THREE.Points;
  private readonly pickPoints: THREE.Points;
  private readonly pickScene = new THREE.Scene();
  private readonly uniforms = {
    travel: { value: 1 },
    pixels: { value: 1 },
    size: { value: 14 },
    glow: { value: 0.6 },
  };
  private geometry = new THREE.BufferGeometry();
  private readonly target = new THREE.WebGLRenderTarget(PICK_PX, PICK_PX, {
    minFilter: THREE.NearestFilter,
    magFilter: THREE.NearestFilter,
  });
  private readonly read = new Uint8Array(4 * PICK_PX * PICK_PX);

  constructor() {
    const { uniforms } = this;
    const material = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms,
      vertexShader: vertex,
      fragmentShader: fragment,
      transparent: true,
      depthWrite: false,
      depthTest: false,
      blending: THREE.CustomBlending,
      blendSrc: THREE.OneFactor,
      blendDst: THREE.OneMinusSrcAlphaFactor,
    });
    const pickMaterial = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms,
      vertexShader: pickVertex,
      fragmentShader: pickFragment,
      blending: THREE.NoBlending,
    });
    this.points = new THREE.Points(this.geometry, material);
    this.pickPoints = new THREE.Points(this.geometry, pickMaterial);
    for (const points of [this.points, this.pickPoints]) points.frustumCulled = false;
    this.pickScene.add(this.pickPoints);
  }

  setPositions(start: Float32Array, end: Float32Array): void {
    this.geometry.dispose();
    const count = end.length / 3;
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', new THREE.BufferAttribute(end, 3));
    geometry.setAttribute('start', new THREE.BufferAttribute(start, 3));
    geometry.setAttribute(
      'tint',
      new THREE.BufferAttribute(new Uint8Array(3 * count).fill(200), 3, true),
    );
    geometry.setAttribute('state', new THREE.BufferAttribute(new Uint8Array(count).fill(PLAIN), 1));
    this.geometry = geometry;
    this.points.geometry = geometry;
    this.pickPoints.geometry = geometry;
    // Smaller where there are many.
    this.uniforms.size.value = Math.max(5, Math.min(30, 66 / Math.log10(10 + count)));
  }

  setColours(colours: readonly string[], of: Int16Array): void {
    const rgb = colours.map((name) => {
      const { r, g, b } = new THREE.Color(name).getRGB({ r: 0, g: 0, b: 0 }, THREE.SRGBColorSpace);
      return [r * 255, g * 255, b * 255] as const;
    });
    const tint = this.geometry.getAttribute('tint');
    of.forEach((entry, i) => {
      const [r, g, b] = rgb[entry] ?? [160, 160, 160];
      (tint.array as Uint8Array).set([r, g, b], 3 * i);
    });
    tint.needsUpdate = true;
  }

  setStates(states: Uint8Array): void {
    const attribute = this.geometry.getAttribute('state');
    (attribute.array as Uint8Array).set(states);
    attribute.needsUpdate = true;
  }

  setLook(pixelRatio: number, dark: boolean): void {
    this.uniforms.pixels.value = pixelRatio;
    this.uniforms.glow.value = dark ? 0.55 : 0;
  }

  get travel(): number {
    return this.uniforms.travel.value;
  }

  set travel(part: number) {
    this.uniforms.travel.value = part;
  }

  // The point at a place of the canvas (CSS pixels), or of those near it the nearest; -1: none.
  pick(
    renderer: THREE.WebGLRenderer,
    camera: THREE.PerspectiveCamera,
    x: number,
    y: number,
  ): number {
    const ratio = renderer.getPixelRatio();
    const size = renderer.getSize(new THREE.Vector2()).multiplyScalar(ratio);
    const half = (PICK_PX - 1) / 2;
    camera.setViewOffset(
      size.x,
      size.y,
      Math.round(x * ratio) - half,
      Math.round(y * ratio) - half,
      PICK_PX,
      PICK_PX,
    );
    const clear = renderer.getClearAlpha();
    renderer.setRenderTarget(this.target);
    renderer.setClearAlpha(0);
    renderer.clear();
    renderer.render(this.pickScene, camera);
    renderer.readRenderTargetPixels(this.target, 0, 0, PICK_PX, PICK_PX, this.read);
    renderer.setRenderTarget(null);
    renderer.setClearAlpha(clear);
    camera.clearViewOffset();
    return this.nearestPicked();
  }

  private nearestPicked(): number {
    const half = (PICK_PX - 1) / 2;
    let best = -1;
    let bestDistance = Infinity;
    for (let i = 0; i < PICK_PX * PICK_PX; i++) {
      const code =
        (this.read[4 * i] ?? 0) |
        ((this.read[4 * i + 1] ?? 0) << 8) |
        ((this.read[4 * i + 2] ?? 0) << 16);
      const distance = ((i % PICK_PX) - half) ** 2 + (Math.floor(i / PICK_PX) - half) ** 2;
      if (code > 0 && distance < bestDistance) {
        best = code - 1;
        bestDistance = distance;
      }
    }
    return best;
  }

  dispose(): void {
    this.geometry.dispose();
    this.target.dispose();
    for (const points of [this.points, this.pickPoints])
      (points.material as THREE.Material).dispose();
  }
}
