// SPDX-License-Identifier: MIT
//
// The map's place on the page.
import type { App, View } from '../app';
import { h } from '../dom';
import { notice } from '../states';

export class MapView implements View {
    readonly element = h(
        'section',
        { 'aria-label': 'Map', class: 'page' },
        notice({ icon: 'map', title: 'Map' }),
    );
    constructor(readonly app: App) {}
    enter(): void {}
    leave(): void {}
    refresh(): void {}
}
