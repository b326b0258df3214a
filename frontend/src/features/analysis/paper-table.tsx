/** A row of a table on paper: its cells, and the marks of its bar. */
export interface PaperRow { cells: string[]; bar?: { value: number; fill: string }[] }

interface PaperTableProps {
  /** Of the cells; the first is at the left, the others are numbers. */
  head: string[];
  barHead?: string;
  rows: PaperRow[];
}

const WIDTH = 720, NAME = 176, NUMBER = 84, ROW = 28, HEAD = 24, BAR = 14, GAP = 1, LONGEST = 26;

/** A table with bars as one drawing, for pictures of figures that the page shows as a table. Bars begin at the same zero and have one scale. */
export function PaperTable({ head, barHead, rows }: PaperTableProps) {
  const numbers = head.length - 1, bars = rows.some(({ bar }) => bar);
  const from = NAME, room = WIDTH - NAME - numbers * NUMBER - 12;
  const most = Math.max(1e-9, ...rows.map(({ bar }) => (bar ?? []).reduce((sum, { value }) => sum + value, 0)));
  const right = (index: number) => (bars ? WIDTH - (numbers - index) * NUMBER : NAME + ((WIDTH - NAME) * index) / numbers);
  return (
    <svg data-drawing width={WIDTH} height={HEAD + rows.length * ROW} className="block">
      {head.map((text, index) => <text key={index} x={index ? right(index) : 0} y={12} textAnchor={index ? 'end' : 'start'} className="fill-muted-foreground text-xs">{text}</text>)}
      {bars && <text x={from} y={12} className="fill-muted-foreground text-xs">{barHead}</text>}
      {rows.map(({ cells, bar = [] }, at) => {
        const top = HEAD + at * ROW;
        return (
          <g key={at}>
            <line x1={0} x2={WIDTH} y1={top} y2={top} className="stroke-border" strokeWidth={1} />
            {bar.map(({ value, fill }, index) => {
              const before = bar.slice(0, index).reduce((sum, one) => sum + one.value, 0), wide = (room * value) / most;
              return value > 0 && <rect key={index} x={from + (room * before) / most} y={top + (ROW - BAR) / 2} width={Math.max(1, wide - GAP)} height={BAR} rx={1.5} className={fill} />;
            })}
            {cells.map((text, index) => (
              <text key={index} x={index ? right(index) : 0} y={top + ROW / 2 + 4} textAnchor={index ? 'end' : 'start'} className="tabular fill-foreground text-xs">{!index && text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text}</text>
            ))}
          </g>
        );
      })}
    </svg>
  );
}
