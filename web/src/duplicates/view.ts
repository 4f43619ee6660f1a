// SPDX-License-Identifier: MIT
//
// The review of photographs that repeat each other. A group shows its members side by side with the
// one that is suggested to be kept, and why. fovea deletes nothing: what is decided here is whether
// they are duplicates; the paths of the others can be copied or saved, for whatever deletes.
import {
  decide,
  type DuplicateGroup,
  type DuplicateMember,
  getDuplicates,
  isMaking,
  thumbnail,
  type Tier,
} from '../api';
import type { App, View } from '../app';
import { h, replace } from '../dom';
import * as format from '../format';
import { icon } from '../icons';
import { Latest } from '../latest';
import type { Route } from '../route';
import { failure, notBuilt, notice } from '../states';
import { toast } from '../toast';

const tiers: Record<Tier, { name: string; says: string }> = {
  'same-bytes': { name: 'Same file', says: 'the same bytes in several places' },
  'same-picture': { name: 'Same picture', says: 'resized, recompressed or edited' },
  'same-moment': { name: 'Same moment', says: 'a burst, taken within moments' },
  similar: { name: 'Similar', says: 'alike in what they show, whenever they were taken' },
};
const tierNames = Object.keys(tiers) as Tier[];
const PAGE = 50;

// The ids of the photographs in a group, each once: equal files are one photograph.
export function idsOf(group: DuplicateGroup): number[] {
  return [...new Set(group.members.map((member) => member.photo.id))];
}

function likenessOf({ score, turned, decided }: DuplicateMember): string {
  const parts = [`likeness ${format.score(score)}`];
  if (turned) parts.push('turned or mirrored');
  if (decided) parts.push('you said so');
  return parts.join(' · ');
}

export class DuplicatesView implements View {
  private tier: Tier | null = null;
  private groups: DuplicateGroup[] = [];
  private total = 0;
  private active = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly latest = new Latest();
  private readonly tabs = h('div', { class: 'segments', role: 'group', 'aria-label': 'Kind' });
  private readonly summary = h('p', { class: 'summary', role: 'status' });
  private readonly list = h('div', { class: 'grid gap-4' });
  private readonly more = h(
    'button',
    {
      type: 'button',
      class: 'button-quiet justify-self-center',
      hidden: true,
      on: { click: () => void this.load(this.groups.length) },
    },
    'Show more',
  );
  private readonly copyAll = h(
    'button',
    {
      type: 'button',
      class: 'button-quiet',
      hidden: true,
      on: { click: () => void this.copyPaths(this.groups) },
    },
    icon('copy', 16),
    'Copy the paths of all others',
  );
  readonly element = h(
    'section',
    { 'aria-label': 'Duplicates', class: 'page' },
    h('div', { class: 'tools' }, this.tabs, h('span', { class: 'grow' }), this.copyAll),
    this.summary,
    this.list,
    this.more,
  );

  constructor(private readonly app: App) {
    app.live.watchMade((made) => {
      if (made.what === 'duplicates' && this.active) this.refresh();
    });
  }

  enter(route: Route): void {
    this.active = true;
    const tier = tierNames.find((name) => name === route.params.get('tier')) ?? null;
    const same = tier === this.tier && this.groups.length > 0;
    this.tier = tier;
    this.showTabs();
    if (!same) this.refresh();
  }

  leave(): void {
    this.active = false;
    clearTimeout(this.timer);
    this.latest.cancel();
  }

  refresh(): void {
    this.groups = [];
    void this.load(0);
  }

  private showTabs(): void {
    const tab = (tier: Tier | null, name: string, title: string): HTMLElement =>
      h(
        'a',
        {
          href: tier ? `#/duplicates?tier=${tier}` : '#/duplicates',
          class: 'segment',
          title,
          'aria-current': tier === this.tier ? 'true' : 'false',
        },
        name,
      );
    replace(
      this.tabs,
      tab(null, 'All', 'every kind'),
      ...tierNames.map((tier) => tab(tier, tiers[tier].name, tiers[tier].says)),
    );
  }

  private async load(offset: number): Promise<void> {
    clearTimeout(this.timer);
    if (offset === 0)
      replace(this.list, h('p', { class: 'waiting', role: 'status' }, 'Comparing …'));
    try {
      const { features } = await this.app.live.whenKnown();
      if (!features.includes('duplicates')) {
        replace(this.list, notBuilt('the search for duplicates'));
        return;
      }
      const result = await this.latest.run((signal) =>
        getDuplicates({ tier: this.tier, limit: PAGE, offset }, signal),
      );
      if (!result) return;
      if (isMaking(result.value)) {
        const { detail, elapsed_s, retry_after_s } = result.value;
        replace(
          this.list,
          h('p', { class: 'waiting', role: 'status' }, `${detail} (${format.seconds(elapsed_s)})`),
        );
        this.timer = setTimeout(() => void this.load(offset), retry_after_s * 1000);
        return;
      }
      this.groups = [...this.groups.slice(0, offset), ...result.value.groups];
      this.total = result.value.total;
      this.show();
    } catch (error) {
      replace(
        this.list,
        failure(error, () => this.refresh()),
      );
    }
  }

  private show(): void {
    this.more.hidden = this.groups.length >= this.total;
    this.copyAll.hidden = this.groups.length === 0;
    if (this.groups.length === 0) {
      this.summary.textContent = '';
      replace(
        this.list,
        notice({
          icon: 'layers',
          title: 'Nothing repeats itself',
          text: 'No photographs here are the same file, the same picture or the same moment.',
        }),
      );
      return;
    }
    const bytes = this.groups.reduce((sum, group) => sum + group.reclaim_bytes, 0);
    this.summary.textContent = `${format.plural(this.total, 'group')} · ${format.bytes(bytes)} in photographs beside the one to keep. fovea deletes nothing.`;
    replace(this.list, ...this.groups.map((group) => this.groupCard(group)));
  }

  private groupCard(group: DuplicateGroup): HTMLElement {
    const ids = idsOf(group);
    const name = `${tiers[group.tier].name}, ${format.plural(group.members.length, 'photograph')}`;
    const card = h(
      'article',
      { class: 'group-card', 'aria-label': name, data: { tier: group.tier } },
      h(
        'div',
        { class: 'group-head' },
        h(
          'h2',
          {},
          h('span', { class: 'font-medium' }, tiers[group.tier].name),
          h(
            'span',
            { class: 'text-muted' },
            `  ${tiers[group.tier].says} · ${format.bytes(group.reclaim_bytes)}`,
          ),
        ),
        h('span', { class: 'grow' }),
        h(
          'button',
          {
            type: 'button',
            class: 'button-quiet',
            title: 'The paths of all but the one to keep',
            on: { click: () => void this.copyPaths([group]) },
          },
          icon('copy', 16),
          'Copy paths',
        ),
        ids.length > 1 &&
          h(
            'button',
            {
              type: 'button',
              class: 'button-quiet',
              on: { click: () => void this.notDuplicates(group, card) },
            },
            icon('close', 16),
            'Not duplicates',
          ),
      ),
      h(
        'div',
        { class: 'group-members' },
        ...group.members.map((member) => this.memberCard(group, member)),
      ),
    );
    return card;
  }

  private memberCard(group: DuplicateGroup, member: DuplicateMember): HTMLElement {
    const { photo } = member;
    const facts = [
      photo.width > 0 ? `${photo.width} × ${photo.height}` : '',
      format.bytes(member.size_bytes),
      photo.format.toUpperCase(),
    ]
      .filter(Boolean)
      .join(' · ');
    const image = h('img', {
      src: thumbnail(photo, 256),
      alt: '',
      loading: 'lazy',
      class: 'member-image',
    });
    image.addEventListener('error', () => image.classList.add('invisible'));
    return h(
      'figure',
      { class: member.keep ? 'member member-keep' : 'member' },
      h(
        'button',
        {
          type: 'button',
          class: 'member-open',
          'aria-label': `Open ${photo.name}`,
          on: { click: () => this.open(group, member) },
        },
        image,
      ),
      h(
        'figcaption',
        { class: 'grid gap-0.5 min-w-0' },
        h(
          'span',
          { class: 'member-name', title: member.path },
          member.path.split('/').pop() ?? photo.name,
        ),
        h(
          'span',
          { class: 'member-folder', title: member.path },
          member.path.split('/').slice(-3, -1).join('/'),
        ),
        h('span', { class: 'text-xs text-muted' }, facts),
        photo.taken_at &&
          h('span', { class: 'text-xs text-muted' }, format.dateTime(photo.taken_at)),
        member.keep
          ? h(
              'span',
              { class: 'keep-badge' },
              icon('check', 14),
              `Keep${group.reason ? `: ${group.reason}` : ''}`,
            )
          : h('span', { class: 'text-xs text-muted tabular-nums' }, likenessOf(member)),
      ),
    );
  }

  private open(group: DuplicateGroup, member: DuplicateMember): void {
    const seen = new Set<number>();
    const photos = group.members
      .filter(({ photo }) => !seen.has(photo.id) && seen.add(photo.id))
      .map(({ photo, score }) => ({ photo, score }));
    this.app.openPhoto(member.photo.id, { photos: () => photos });
  }

  private async notDuplicates(group: DuplicateGroup, card: HTMLElement): Promise<void> {
    const ids = idsOf(group);
    try {
      await decide(ids, 'not-duplicate');
    } catch (error) {
      toast(`Not remembered: ${(error as Error).message}`);
      return;
    }
    const next = card.nextElementSibling ?? card.previousElementSibling;
    this.groups = this.groups.filter((other) => other !== group);
    this.total--;
    this.show();
    // The keyboard stays where it was: at the group that took this one's place.
    if (next) this.list.querySelector<HTMLElement>('.group-head button')?.focus();
    toast('Remembered: these are not duplicates.', {
      label: 'Undo',
      run: () => void this.undo(ids),
    });
  }

  private async undo(ids: number[]): Promise<void> {
    try {
      await decide(ids, 'none');
      this.refresh();
    } catch (error) {
      toast(`Not undone: ${(error as Error).message}`);
    }
  }

  private async copyPaths(groups: readonly DuplicateGroup[]): Promise<void> {
    const paths = groups.flatMap((group) =>
      group.members.filter((member) => !member.keep).map((member) => member.path),
    );
    try {
      await navigator.clipboard.writeText(paths.join('\n'));
      toast(`${format.plural(paths.length, 'path')} copied.`);
    } catch {
      toast('The browser did not allow copying.');
    }
  }
}
