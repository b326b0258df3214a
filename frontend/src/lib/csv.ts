export type Cell = string | number | null | undefined;

/** RFC 4180, with the signs that make a spreadsheet calculate kept from doing so. */
export function toCsv(columns: string[], rows: Cell[][]): string {
  const cell = (value: Cell) => {
    if (value == null) return '';
    if (typeof value === 'number') return String(value);
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n');
}
