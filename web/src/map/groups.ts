// SPDX-License-Identifier: MIT
//
// The names that float in the cloud, and where each group is. Worked out when the layout or the
// colouring changes, not in every frame.
import type { MapData } from '../api';
import type { Label, Labels, Seen } from './labels';
import { type Colouring, type Legend, makeLegend, NONE_COLOUR, sphereOf } from './model';
import type { Stage } from './stage';

interface Place {
  start: [number, number, number];
  end: [number, number, number];
  radius: number;
}

export class Groups {
  private places = new Map<Label, Place>();

  constructor(private readonly labels: Labels) {}

  // By category the categories' names; else those of the natural groups, in their colours when the
  // points have them, too.
  set(
    data: MapData,
    by: Colouring,
    legend: Legend,
    isHidden: (name: string) => boolean,
    { start, end }: { start: Float32Array; end: Float32Array },
  ): void {
    const own = by === 'category' || by === 'group';
    const source = own ? legend : makeLegend(data, 'group');
    const labels: Label[] = source.entries.map(({ name, colour, count }) => ({
      name,
      colour: own ? colour : null,
      count,
      indices: [],
    }));
    source.of.forEach((entry, i) => labels[entry]?.indices.push(i));
    const shown = labels.filter(
      ({ name }, i) => source.entries[i]?.colour !== NONE_COLOUR && !(own && isHidden(name)),
    );
    this.places = new Map(
      shown.map((label) => {
        const { centre, radius } = sphereOf(end, label.indices);
        return [label, { start: sphereOf(start, label.indices).centre, end: centre, radius }];
      }),
    );
    this.labels.set(shown);
  }

  // Means go straight ahead while their points do.
  place(stage: Stage): void {
    const t = stage.cloud.travel;
    this.labels.place((label): Seen => {
      const place = this.places.get(label);
      if (!place) return null;
      const [x, y, z] = place.end.map((value, k) => (place.start[k] ?? 0) * (1 - t) + value * t);
      const seen = stage.project(x ?? 0, y ?? 0, z ?? 0);
      if (!seen) return null;
      const above = stage.canvas.clientHeight / seen.distance;
      return { x: seen.x, y: seen.y, reach: place.radius * above };
    });
  }
}
