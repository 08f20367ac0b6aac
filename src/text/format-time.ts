import { sinceEpoch, type WallInstant } from "../model/time.ts";

const day = 86_400_000;
const endOfYear9999 = 253_402_300_800_000;

/**
 * ISO 8601 in UTC with milliseconds: `2026-11-21T20:20:00.000Z`. What Date does, without it: the first date that V8 takes apart
 * loads the time zones of the world, a megabyte that an idle daemon can do without.
 */
export function formatTime(instant: WallInstant): string {
  const at = sinceEpoch(instant);
  if (!(at >= 0 && at < endOfYear9999)) return new Date(at).toISOString();
  const ofDay = Math.floor(at % day);
  const [hours, minutes, seconds] = [Math.floor(ofDay / 3_600_000), Math.floor(ofDay / 60_000) % 60, Math.floor(ofDay / 1_000) % 60];
  return `${formatDate(Math.floor(at / day))}T${digits(hours, 2)}:${digits(minutes, 2)}:${digits(seconds, 2)}.${digits(ofDay % 1_000, 3)}Z`;
}

/** The same, where there may be no time. */
export function formatTimeOrNull(instant: WallInstant | null): string | null {
  return instant === null ? null : formatTime(instant);
}

/** Of days since 1970-01-01. Counted from a 1st of March, so that the leap day is the last of its year, in eras of 400 years. */
function formatDate(since1970: number): string {
  const days = since1970 + 719_468; // since 0000-03-01
  const ofEra = days % 146_097;
  const yearOfEra = Math.floor((ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365);
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const sinceMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = sinceMarch < 10 ? sinceMarch + 3 : sinceMarch - 9;
  const year = Math.floor(days / 146_097) * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(ofYear - Math.floor((153 * sinceMarch + 2) / 5) + 1, 2)}`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}
