import { useLocale } from 'next-intl';

/** Figures, money, times and sizes as a locale writes them. Minus is a true minus, ranges have an en dash. */
export function formatter(locale: string, timeZone?: string) {
  const zone = timeZone ? { timeZone } : {};
  const number = (options: Intl.NumberFormatOptions) => {
    let format: Intl.NumberFormat | undefined;
    return (value: number) => (format ??= new Intl.NumberFormat(locale, options)).format(value).replace('-', '−');
  };
  const time = (options: Intl.DateTimeFormatOptions) => {
    let format: Intl.DateTimeFormat | undefined;
    return (value: string | number | Date) => (format ??= new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : locale, { ...options, ...zone })).format(new Date(value));
  };
  const count = number({ maximumFractionDigits: 0 });
  const decimal = number({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const signed = number({ minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: 'exceptZero' });
  const percentOf = number({ style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const signedPercentOf = number({ style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: 'exceptZero' });
  const compact = number({ notation: 'compact', maximumFractionDigits: 1 });
  const dollars = number({ style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol' });
  const cents = number({ style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol', maximumSignificantDigits: 2 });
  const units = locale === 'fr' ? ['o', 'ko', 'Mo', 'Go', 'To'] : ['B', 'kB', 'MB', 'GB', 'TB'];

  return {
    count,
    decimal,
    compact,
    signed,
    /** A share from 0 to 1. */
    percent: percentOf,
    signedPercent: signedPercentOf,
    /** US dollars; amounts under a cent keep two digits that say something. */
    money: (value: number | string) => {
      const amount = Number(value);
      return amount !== 0 && Math.abs(amount) < 0.01 ? cents(amount) : dollars(amount);
    },
    bytes: (value: number) => {
      const power = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
      const size = value / 1000 ** power;
      return `${power === 0 ? count(size) : decimal(size)} ${units[power] ?? ''}`;
    },
    /** `4 s`, `6 min 39 s`, `1 h 26 min`, `3 d 4 h`. */
    duration: (seconds: number) => {
      const whole = Math.max(0, Math.round(seconds));
      if (seconds > 0 && seconds < 0.95) return locale === 'fr' ? 'moins de 1 s' : 'under 1 s';
      if (whole < 60) return `${whole} s`;
      if (whole < 3600) return whole % 60 && whole < 1800 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.round(whole / 60)} min`;
      const day = locale === 'fr' ? 'j' : 'd';
      const pair = (big: number, unit: string, small: number, smallUnit: string) => `${big} ${unit}${small ? ` ${small} ${smallUnit}` : ''}`;
      return whole < 86_400
        ? pair(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min')
        : pair(Math.floor(whole / 86_400), day, Math.floor((whole % 86_400) / 3600), 'h');
    },
    date: time({ day: 'numeric', month: 'short', year: 'numeric' }),
    day: time({ day: 'numeric', month: 'short' }),
    month: time({ month: 'short', year: 'numeric' }),
    weekday: time({ weekday: 'short', day: 'numeric', month: 'short' }),
    weekdayYear: time({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }),
    time: time({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    clock: time({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
    dateTime: time({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
    dayTime: time({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  };
}

/** The short name of a day of the week; 1 is Monday. */
export function weekdayName(locale: string, weekday: number): string {
  // 1 January 2024 was a Monday.
  return new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : locale, { weekday: 'short', timeZone: 'UTC' }).format(Date.UTC(2024, 0, weekday));
}

export type Formatter = ReturnType<typeof formatter>;

const formatters = new Map<string, Formatter>();

/** One for all who ask for the same locale and zone: what `Intl` makes is dear, and a page writes hundreds of figures. */
export function useFormat(timeZone?: string): Formatter {
  const locale = useLocale();
  const key = `${locale} ${timeZone ?? ''}`;
  let known = formatters.get(key);
  if (!known) formatters.set(key, known = formatter(locale, timeZone));
  return known;
}
