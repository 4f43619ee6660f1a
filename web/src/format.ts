// SPDX-License-Identifier: MIT
//
// How numbers and dates are written. Dates are the camera's clock: they are shown as they were
// written, never moved to the browser's time zone.

const counted = new Intl.NumberFormat('en');
const monthNames = new Intl.DateTimeFormat('en', { month: 'long', timeZone: 'UTC' });

export const count = (n: number): string => counted.format(n);

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export const score = (cosine: number): string => cosine.toFixed(3).replace('-', '\u2212');

export const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;

export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

// "2024-05-01T05:42:10+02:00" -> "1 May 2024, 05:42"
export function dateTime(taken_at: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(taken_at);
  if (!match) return taken_at;
  const [, year, month, day, hour, minute] = match;
  return `${Number(day)} ${monthName(Number(month))} ${year}, ${hour}:${minute}`;
}

// "May 2024"
export function month(taken_at: string | null): string {
  const match = taken_at ? /^(\d{4})-(\d\d)/.exec(taken_at) : null;
  return match ? `${monthName(Number(match[2]))} ${match[1]}` : 'Without a date';
}

function monthName(number: number): string {
  return monthNames.format(new Date(Date.UTC(2000, number - 1, 15)));
}

export function exposure(seconds: number): string {
  if (seconds >= 0.3) return `${Number(seconds.toFixed(1))} s`;
  return `1/${Math.round(1 / seconds)} s`;
}

export function place(latitude: number, longitude: number): string {
  const part = (degrees: number, plus: string, minus: string): string =>
    `${Math.abs(degrees).toFixed(5)}° ${degrees < 0 ? minus : plus}`;
  return `${part(latitude, 'N', 'S')}, ${part(longitude, 'E', 'W')}`;
}

export function stars(rating: number): string {
  return rating < 0 ? 'rejected' : '★'.repeat(rating) + '☆'.repeat(5 - rating);
}

export function seconds(value: number): string {
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}
