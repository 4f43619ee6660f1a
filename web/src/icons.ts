// SPDX-License-Identifier: MIT
//
// The icons, as paths on a grid of 24. They never carry meaning alone: whoever uses one gives the
// control a label.
import { svg } from './dom';

const paths = {
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.5h.01',
  close: 'M6 6l12 12M18 6 6 18',
  similar: 'M4 4h9v9H4zM16 8h4v12H8v-4',
  filter: 'M4 6h16M7 12h10M10 18h4',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  check: 'M5 12.5l4.5 4.5L19 7',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  home: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  target: 'M12 18a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM12 3v5M12 16v5M3 12h5M16 12h5',
  only: 'M12 5c5 0 8.500 4.500 9 7-.5 2.500-4 7-9 7s-8.500-4.500-9-7c.5-2.500 4-7 9-7zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  trash: 'M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 16.5h.01',
  map: 'M6 17h.01M9 9h.01M13 13h.01M17 7h.01M18 16h.01M12 19h.01M5 12h.01M14 4h.01',
  layers: 'M12 4 3 9l9 5 9-5zM3 14l9 5 9-5',
  tag: 'M4 4h8l8 8-8 8-8-8zM8 8h.01',
  offline:
    'M4 4l16 16M8.5 12.5a5 5 0 0 1 5-1M5 9.5a10 10 0 0 1 3-2M12 5c2.7 0 5.200 1 7 2.800M12 18h.01',
  star: 'M12 4l2.500 5.200 5.500.8-4 4 1 5.500-5-2.700-5 2.700 1-5.500-4-4 5.500-.8z',
  play: 'M8 5l11 7-11 7z',
} as const;

export type IconName = keyof typeof paths;

export function icon(name: IconName, size = 18): SVGSVGElement {
  return svg(
    'svg',
    {
      viewBox: '0 0 24 24',
      width: size,
      height: size,
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': name === 'map' ? 3 : 1.6,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      'aria-hidden': 'true',
      class: 'shrink-0',
    },
    svg('path', { d: paths[name] }),
  );
}
