// SPDX-License-Identifier: MIT
//
// How points and pictures look, and how they are told apart when something is picked.
//
// Who covers whom is decided by depth, and by what matters: what was chosen stands before what is
// lit, and this before what is dim. Each has a band of the depth range to itself. The buffer that is
// picked from has the same sizes and bands, so that what is picked is what is seen.

// States, as points.ts names them: 0 hidden, 1 dim, 2 plain, 3 hit, 4 chosen.
const bands = /* glsl */ `
  float banded(float depth, float state) {
    return state > 3.5 ? 0.1 * depth : state > 1.5 ? 0.1 + 0.6 * depth : 0.7 + 0.3 * depth;
  }
`;

const pointCommon = /* glsl */ `
  in vec3 start;
  in float state;
  uniform float travel, pixels, size;
  uniform bool chosenIsPicture;
  void placePoint() {
    gl_Position = projectionMatrix * modelViewMatrix * vec4(mix(start, position, travel), 1.0);
    float factor = state > 3.5 ? 2.2 : state > 2.5 ? 1.5 : state < 1.5 ? 0.7 : 1.0;
    float wanted = size * pixels * factor / max(gl_Position.w, 0.05);
    gl_PointSize = clamp(wanted, 1.5 * pixels, 64.0 * pixels);
    if (state < 0.5 || (state > 3.5 && chosenIsPicture)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  }
`;

export const pointVertex = /* glsl */ `
  ${pointCommon}
  in vec3 tint;
  out vec4 colour;
  flat out float kind;
  void main() {
    placePoint();
    colour = vec4(tint, state < 1.5 ? 0.16 : 1.0);
    kind = state;
  }
`;

// A core with a glow around it. Only cores cover; the glow, and what is dim, are behind everything.
// Premultiplied, so that one blending serves dark (where light adds up) and light (where it must not
// wash out).
export const pointFragment = /* glsl */ `
  precision highp float;
  in vec4 colour;
  flat in float kind;
  uniform float glow;
  uniform vec3 ringColour;
  out vec4 result;
  ${bands}
  void main() {
    float r = length(gl_PointCoord - 0.5) * 2.0;
    if (r > 1.0) discard;
    float core = 1.0 - smoothstep(0.42, 0.55, r);
    float halo = pow(1.0 - r, 2.0) * 0.5;
    float chosen = kind > 3.5 ? 1.0 : 0.0;
    float ring = chosen * smoothstep(0.62, 0.7, r) * (1.0 - smoothstep(0.84, 0.95, r));
    float alpha = max(core, halo) * colour.a;
    vec3 lit = colour.rgb * alpha * (1.0 - ring) + ringColour * ring;
    result = vec4(lit, mix(max(alpha, ring), core * colour.a + ring, glow));
    bool covers = kind > 1.5 && (r < 0.5 || ring > 0.5);
    gl_FragDepth = covers ? banded(gl_FragCoord.z, kind) : 1.0;
  }
`;

const code = /* glsl */ `
  vec4 codeOf(int index) {
    int n = index + 1;
    return vec4(n & 255, (n >> 8) & 255, (n >> 16) & 255, 255) / 255.0;
  }
`;

export const CORE = 0.485; // the core's part of a point's size

export const pointPickVertex = /* glsl */ `
  ${pointCommon}
  ${code}
  flat out vec4 id;
  flat out float kind;
  void main() {
    placePoint();
    gl_PointSize = max(gl_PointSize * ${CORE}, 2.0);
    id = codeOf(gl_VertexID);
    kind = state;
  }
`;

export const pointPickFragment = /* glsl */ `
  precision highp float;
  flat in vec4 id;
  flat in float kind;
  out vec4 result;
  ${bands}
  void main() {
    if (length(gl_PointCoord - 0.5) > 0.5) discard;
    result = id;
    gl_FragDepth = banded(gl_FragCoord.z, kind);
  }
`;

// A picture: a square that faces the viewer, of a size in the cloud's units that on the screen stays
// below a limit, with a frame in the colour that its point has.
const pictureCommon = /* glsl */ `
  in vec3 place;
  in vec4 cell; // u, v of its corner; width and height of the picture within it
  in vec2 what; // index of its point, state
  uniform float size, most, perPixel; // perPixel: the cloud's units of a pixel at distance 1
  out vec2 inside; // the picture is -1 to 1, the frame is beyond
  flat out float kind;
  void placePicture() {
    vec4 middle = modelViewMatrix * vec4(place, 1.0);
    float pixel = perPixel * -middle.z;
    vec2 halfSize = 0.5 * min(size, most * pixel) * cell.zw;
    vec2 frame = vec2((what.y > 2.5 ? 3.5 : 1.75) * pixel);
    vec2 corner = position.xy * 2.0 * (halfSize + frame);
    inside = corner / halfSize;
    middle.xy += corner;
    gl_Position = projectionMatrix * middle;
    kind = what.y;
  }
`;

export const pictureVertex = (cells: number): string => /* glsl */ `
  ${pictureCommon}
  in vec3 edge;
  out vec2 uvs;
  flat out vec4 bounds;
  flat out vec3 edgeColour;
  uniform vec3 ringColour;
  void main() {
    placePicture();
    vec2 centre = cell.xy + 0.5 / float(${cells});
    vec2 reach = 0.5 * cell.zw / float(${cells});
    uvs = centre + inside * reach;
    bounds = vec4(centre - reach, centre + reach);
    edgeColour = kind > 3.5 ? ringColour : edge;
  }
`;

// Four looks into the sheet where a picture is smaller than there, so that it does not flicker.
export const pictureFragment = /* glsl */ `
  precision highp float;
  in vec2 inside;
  in vec2 uvs;
  flat in float kind;
  flat in vec4 bounds;
  flat in vec3 edgeColour;
  uniform sampler2D sheet;
  uniform float texel;
  out vec4 result;
  ${bands}
  vec3 look(vec2 at) { return texture(sheet, clamp(at, bounds.xy + texel, bounds.zw - texel)).rgb; }
  void main() {
    gl_FragDepth = banded(gl_FragCoord.z, kind) - 1e-6;
    if (any(greaterThan(abs(inside), vec2(1.0)))) {
      result = vec4(edgeColour, 1.0);
      return;
    }
    vec2 step = 0.25 * fwidth(uvs);
    vec2 other = vec2(step.x, -step.y);
    result = vec4(
      0.25 * (look(uvs + step) + look(uvs - step) + look(uvs + other) + look(uvs - other)), 1.0);
  }
`;

export const picturePickVertex = /* glsl */ `
  ${pictureCommon}
  ${code}
  flat out vec4 id;
  void main() {
    placePicture();
    id = codeOf(int(what.x + 0.5));
  }
`;

export const picturePickFragment = /* glsl */ `
  precision highp float;
  in vec2 inside;
  flat in vec4 id;
  flat in float kind;
  out vec4 result;
  ${bands}
  void main() {
    result = id;
    gl_FragDepth = banded(gl_FragCoord.z, kind) - 1e-6;
  }
`;
