// SPDX-License-Identifier: MIT
//
// The points: one buffer, one draw call, however many. Each has a place to come from and one to go to
// (a uniform says how far it is), a colour, and a state.
import * as THREE from 'three';
import { rgbOf, STATE } from './model';
import {
  pointFragment,
  pointPickFragment,
  pointPickVertex,
  pointVertex,
} from './shaders';

export class PointCloud {
  readonly points: THREE.Points;
  readonly pickPoints: THREE.Points;
  states: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  tints: Uint8Array<ArrayBuffer> = new Uint8Array(0); // [count, 3]
  private readonly uniforms = {
    travel: { value: 1 },
    pixels: { value: 1 },
    size: { value: 14 },
    glow: { value: 0.6 },
    ringColour: { value: new THREE.Vector3(1, 1, 1) },
    chosenIsPicture: { value: false },
  };
  private geometry = new THREE.BufferGeometry();

  constructor() {
    const { uniforms } = this;
    const material = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms,
      vertexShader: pointVertex,
      fragmentShader: pointFragment,
      transparent: true,
      blending: THREE.CustomBlending,
      blendSrc: THREE.OneFactor,
      blendDst: THREE.OneMinusSrcAlphaFactor,
    });
    const pickMaterial = new THREE.ShaderMaterial({
      glslVersion: THREE.GLSL3,
      uniforms,
      vertexShader: pointPickVertex,
      fragmentShader: pointPickFragment,
      blending: THREE.NoBlending,
    });
    this.points = new THREE.Points(this.geometry, material);
    this.pickPoints = new THREE.Points(this.geometry, pickMaterial);
    for (const points of [this.points, this.pickPoints]) points.frustumCulled = false;
  }

  setPositions(start: Float32Array, end: Float32Array): void {
    this.geometry.dispose();
    const count = end.length / 3;
    this.tints = new Uint8Array(3 * count).fill(160);
    this.states = new Uint8Array(count).fill(STATE.plain);
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', new THREE.BufferAttribute(end, 3));
    geometry.setAttribute('start', new THREE.BufferAttribute(start, 3));
    geometry.setAttribute('tint', new THREE.BufferAttribute(this.tints, 3, true));
    geometry.setAttribute('state', new THREE.BufferAttribute(this.states, 1));
    this.geometry = geometry;
    this.points.geometry = geometry;
    this.pickPoints.geometry = geometry;
    // Smaller where there are many.
    this.uniforms.size.value = Math.max(5, Math.min(30, 66 / Math.log10(10 + count)));
  }

  // One colour per entry of a legend, and each point's entry.
  setColours(colours: readonly string[], of: Int16Array): void {
    const rgb = colours.map(rgbOf);
    of.forEach((entry, i) => this.tints.set(rgb[entry] ?? [160, 160, 160], 3 * i));
    this.geometry.getAttribute('tint').needsUpdate = true;
  }

  setStates(states: Uint8Array): void {
    this.states.set(states);
    this.geometry.getAttribute('state').needsUpdate = true;
  }

  setLook(pixelRatio: number, dark: boolean): void {
    this.uniforms.pixels.value = pixelRatio;
    this.uniforms.glow.value = dark ? 0.55 : 0;
    this.uniforms.ringColour.value.setScalar(dark ? 1 : 0.1);
  }

  // The one that was chosen is a picture at present, and needs no point.
  set chosenIsPicture(is: boolean) {
    this.uniforms.chosenIsPicture.value = is;
  }

  get travel(): number {
    return this.uniforms.travel.value;
  }

  set travel(part: number) {
    this.uniforms.travel.value = part;
  }

  dispose(): void {
    this.geometry.dispose();
    for (const points of [this.points, this.pickPoints])
      (points.material as THREE.Material).dispose();
  }
}
