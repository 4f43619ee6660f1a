// SPDX-License-Identifier: MIT
//
// The map by keys. The table is also what the help shows.
import type { Stage } from './stage';

export interface KeyActions {
  next: () => void;
  previous: () => void;
  flyToHits: () => void;
  toggleSelected: () => void;
  selectLit: () => void;
  open: () => void;
  clear: () => void;
  list: () => void;
}

export const mapKeys: [string, string][] = [
  ['← → ↑ ↓', 'turn; with Shift: move sideways'],
  ['+ −', 'come closer, go away'],
  ['0', 'everything in sight'],
  ['n  p', 'to the next neighbour, and back'],
  ['Space', 'select the photograph, or not'],
  ['a', 'select all that is lit'],
  ['f', 'fly to what was found or selected'],
  ['l', 'the map as a list'],
  ['Enter', 'open the photograph'],
  ['Esc', 'clear what is selected'],
];

const TURN = 0.12;
const MOVE = 0.06;
const CLOSER = 0.85;

export function keyTable(stage: Stage, actions: KeyActions): Record<string, () => void> {
  return {
    ArrowLeft: () => stage.orbit(-TURN, 0),
    ArrowRight: () => stage.orbit(TURN, 0),
    ArrowUp: () => stage.orbit(0, -TURN),
    ArrowDown: () => stage.orbit(0, TURN),
    'Shift+ArrowLeft': () => stage.pan(-MOVE, 0),
    'Shift+ArrowRight': () => stage.pan(MOVE, 0),
    'Shift+ArrowUp': () => stage.pan(0, MOVE),
    'Shift+ArrowDown': () => stage.pan(0, -MOVE),
    '+': () => stage.zoom(CLOSER),
    '=': () => stage.zoom(CLOSER),
    '-': () => stage.zoom(1 / CLOSER),
    '0': () => stage.goHome(),
    n: actions.next,
    p: actions.previous,
    f: actions.flyToHits,
    a: actions.selectLit,
    l: actions.list,
    ' ': actions.toggleSelected,
    Enter: actions.open,
    Escape: actions.clear,
  };
}
