// SPDX-License-Identifier: MIT
//
// The line where a query is made: the phrase, and as chips before it the pictures that were given and
// the photographs that more of is wanted.
import { type Photo, thumbnail } from '../api';
import { h, replace } from '../dom';
import { icon } from '../icons';
import { pictures } from '../intake';

export interface UploadedImage {
  file: File;
  url: string; // of the picture in this browser
  weight: number;
}

export interface BarActions {
  onText: (text: string, done: boolean) => void; // done: Enter was pressed
  onImages: (files: File[]) => void;
  onWeight: (image: UploadedImage, weight: number) => void;
  onRemoveImage: (image: UploadedImage) => void;
  onRemoveLike: (id: number) => void;
  onClear: () => void;
}

const WEIGHTS: [string, string][] = [
  ['0.25', 'a little'],
  ['0.5', 'half'],
  ['1', 'equally'],
  ['2', 'double'],
];

export class SearchBar {
  readonly input = h('input', {
    type: 'search',
    class: 'search-input',
    placeholder: 'foggy mountain at dawn',
    'aria-label': 'Describe what you look for',
    autocomplete: 'off',
    spellcheck: 'false',
    enterkeyhint: 'search',
    maxlength: 4000,
    'aria-describedby': 'search-hint',
  });
  private readonly chips = h('div', { class: 'search-chips', hidden: true });
  private readonly clear = h(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': 'Clear the search',
      title: 'Clear (Esc)',
      hidden: true,
    },
    icon('close'),
  );
  private readonly chooser = h('input', {
    type: 'file',
    accept: 'image/*',
    multiple: true,
    class: 'sr-only',
    tabindex: '-1',
    'aria-label': 'Choose a picture',
  });
  private readonly choose = h(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': 'Search with a picture',
      title: 'Choose a picture (or drop one, or paste it)',
    },
    icon('image', 20),
  );
  readonly note = h(
    'p',
    { class: 'search-note', hidden: true },
    'Your picture goes to this server only, and is not kept.',
  );
  readonly element = h(
    'div',
    {},
    h(
      'form',
      {
        class: 'search-bar',
        role: 'search',
        on: {
          submit: (event) => {
            event.preventDefault();
            this.actions.onText(this.input.value, true);
          },
        },
      },
      h('span', { class: 'text-muted ml-3 hidden sm:block' }, icon('search', 20)),
      this.chips,
      this.input,
      this.clear,
      this.choose,
      this.chooser,
    ),
    h(
      'p',
      { id: 'search-hint', class: 'sr-only' },
      'A minus before a word leaves out, a plus joins phrases. Pictures can be dropped or pasted anywhere on the page.',
    ),
    this.note,
  );

  constructor(private readonly actions: BarActions) {
    this.input.addEventListener('input', () => actions.onText(this.input.value, false));
    this.input.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      actions.onClear();
    });
    this.clear.addEventListener('click', () => {
      actions.onClear();
      this.input.focus();
    });
    this.choose.addEventListener('click', () => this.chooser.click());
    this.chooser.addEventListener('change', () => {
      const files = pictures(this.chooser.files ?? []);
      if (files.length > 0) actions.onImages(files);
      this.chooser.value = ''; // the same file can be chosen again
    });
  }

  show(text: string, images: readonly UploadedImage[], likes: readonly (Photo | number)[]): void {
    if (this.input.value.trim() !== text.trim() || document.activeElement !== this.input)
      this.input.value = text;
    const alone = images.length + likes.length === 1 && !text.trim();
    replace(
      this.chips,
      ...likes.map((photo) => this.likeChip(photo)),
      ...images.map((image) => this.imageChip(image, alone)),
    );
    this.chips.hidden = images.length + likes.length === 0;
    this.clear.hidden = !text && images.length === 0 && likes.length === 0;
    this.note.hidden = images.length === 0;
    this.input.placeholder =
      images.length + likes.length > 0 ? 'and in words …' : 'foggy mountain at dawn';
  }

  private likeChip(like: Photo | number): HTMLElement {
    const name = typeof like === 'number' ? `photograph ${like}` : like.name;
    const id = typeof like === 'number' ? like : like.id;
    return h(
      'span',
      { class: 'search-chip', title: name },
      typeof like !== 'number' &&
        h('img', { src: thumbnail(like, 256), alt: '', class: 'search-chip-image' }),
      h('span', { class: 'search-chip-name' }, `like ${name}`),
      this.remove(`Remove ${name} from the search`, () => this.actions.onRemoveLike(id)),
    );
  }

  private imageChip(image: UploadedImage, alone: boolean): HTMLElement {
    const name = image.file.name || 'picture';
    const weight = h(
      'select',
      { class: 'search-chip-weight', 'aria-label': `How much ${name} counts` },
      ...WEIGHTS.map(([value, label]) =>
        h('option', { value, selected: Number(value) === image.weight }, label),
      ),
    );
    weight.addEventListener('change', () => this.actions.onWeight(image, Number(weight.value)));
    const picture = h('img', { src: image.url, alt: '', class: 'search-chip-image' });
    picture.addEventListener('error', () => picture.remove()); // a format this browser cannot show
    return h(
      'span',
      { class: 'search-chip', title: name },
      picture,
      h('span', { class: 'search-chip-name' }, name),
      !alone && weight,
      this.remove(`Remove ${name} from the search`, () => this.actions.onRemoveImage(image)),
    );
  }

  private remove(label: string, action: () => void): HTMLElement {
    return h(
      'button',
      { type: 'button', class: 'chip-close', 'aria-label': label, on: { click: action } },
      icon('close', 14),
    );
  }
}
