import { saveFile } from './save-file';

/** What stands around a drawing on paper. */
export interface Sheet {
  title: string;
  /** Unit and base, dataset and filters, when it was made: each begins a line, and is broken when it is too long. */
  lines: string[];
  /** What the colours mean; `fill` is a class. */
  legend?: { name: string; fill: string }[] | undefined;
  /** What numbered marks of the drawing say. */
  notes?: string[] | undefined;
}

const PAD = 24, LEAST_WIDTH = 480, LINE = 18, SCALE = 2;
const FONT = "Geist, 'Helvetica Neue', Arial, sans-serif";
const INHERITED = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'font-size', 'font-weight', 'font-variant-numeric', 'letter-spacing', 'text-anchor'];
const OWN = ['opacity', 'fill-opacity', 'stroke-opacity', 'dominant-baseline'];
const DROPPED = ['class', 'style', 'tabindex', 'role'];

/**
 * The drawing on a light sheet with its title, base, filters and date, as a file of its own: what the page's styles give
 * is written into it, in the colours of the light theme whatever the page shows.
 */
function onPaper(drawing: SVGSVGElement, sheet: Sheet): { svg: SVGSVGElement; width: number; height: number } {
  const { width: drawn, height: tall } = drawing.getBoundingClientRect();
  const room = Math.max(LEAST_WIDTH, drawn), width = Math.ceil(room + 2 * PAD);
  const host = document.createElement('div');
  host.className = 'light';
  host.style.cssText = 'position:fixed;left:-10000px;top:0;';
  const svg = element('svg', { width, xmlns: 'http://www.w3.org/2000/svg', 'font-family': FONT, class: 'fill-foreground text-xs' });
  host.append(svg);
  document.body.append(host);
  try {
    const ground = element('rect', { width: '100%', height: '100%', class: 'fill-background' });
    svg.append(ground);
    let y = PAD + 10;
    const write = (text: string, style: string, step = LINE) => {
      for (const line of broken(svg, text, style, room)) { svg.append(element('text', { x: PAD, y, class: style }, line)); y += step; }
    };
    write(sheet.title, 'fill-foreground text-lg font-semibold', 22);
    for (const line of sheet.lines) write(line, 'fill-muted-foreground text-xs');
    if (sheet.legend?.length) {
      let x = PAD;
      y += 8;
      for (const { name, fill } of sheet.legend) {
        svg.append(element('rect', { x, y: y - 9, width: 9, height: 9, rx: 2, class: fill }));
        const word = element('text', { x: x + 14, y, class: 'fill-foreground text-xs' }, name);
        svg.append(word);
        x += 14 + word.getComputedTextLength() + 18;
      }
      y += LINE;
    }
    const copy = drawing.cloneNode(true) as SVGSVGElement;
    copy.setAttribute('x', String(PAD));
    copy.setAttribute('y', String(y));
    copy.setAttribute('width', String(drawn));
    copy.setAttribute('height', String(tall));
    copy.setAttribute('overflow', 'visible');
    svg.append(copy);
    y += tall + LINE;
    for (const note of sheet.notes ?? []) write(note, 'fill-foreground text-xs');
    const height = Math.ceil(y - LINE + PAD);
    svg.setAttribute('height', String(height));
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    writeStyles(svg);
    return { svg, width, height };
  } finally {
    host.remove();
  }
}

function element<K extends keyof SVGElementTagNameMap>(name: K, attributes: Record<string, string | number>, text?: string): SVGElementTagNameMap[K] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The lines that a text takes where there is `room` pixels for it. */
function broken(svg: SVGSVGElement, text: string, style: string, room: number): string[] {
  const ruler = element('text', { class: style });
  svg.append(ruler);
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    ruler.textContent = longer;
    if (lines.length && ruler.getComputedTextLength() <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  ruler.remove();
  return lines;
}

/** Styles become attributes, each only where it is not that of the element around. */
function writeStyles(root: SVGSVGElement) {
  const all = [root, ...root.querySelectorAll<SVGElement>('*')];
  const styles = all.map((one) => {
    const computed = getComputedStyle(one), around = one === root || !one.parentElement ? null : getComputedStyle(one.parentElement);
    return [...INHERITED.filter((name) => computed.getPropertyValue(name) !== around?.getPropertyValue(name)), ...OWN.filter((name) => !/^(1|auto)$/.test(computed.getPropertyValue(name)))]
      .map((name) => `${name}:${computed.getPropertyValue(name)}`).join(';');
  });
  all.forEach((one, index) => {
    for (const name of DROPPED) one.removeAttribute(name);
    for (const { name, value } of [...one.attributes]) if (/^(data|aria)-/.test(name) || value.includes('var(')) one.removeAttribute(name);
    if (styles[index]) one.setAttribute('style', styles[index]);
  });
}

export function saveSvg(drawing: SVGSVGElement, sheet: Sheet, name: string) {
  saveFile(`${name}.svg`, 'image/svg+xml', new XMLSerializer().serializeToString(onPaper(drawing, sheet).svg));
}

export async function savePng(drawing: SVGSVGElement, sheet: Sheet, name: string) {
  const { svg, width, height } = onPaper(drawing, sheet);
  // A picture has no fonts but those that are in it.
  const face = await fontFace();
  if (face) svg.prepend(element('style', {}, face));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (blob) saveFile(`${name}.png`, 'image/png', blob);
}

/** The page's own font as a rule that needs no other file; null when it can't be had. */
async function fontFace(): Promise<string | null> {
  const family = getComputedStyle(document.body).fontFamily.split(',')[0]?.replace(/["']/g, '').trim();
  const rules = [...document.styleSheets].flatMap((sheet) => { try { return [...sheet.cssRules]; } catch { return []; } });
  const face = rules.find((rule): rule is CSSFontFaceRule => rule instanceof CSSFontFaceRule && rule.style.getPropertyValue('font-family').replace(/["']/g, '') === family && /url\(/.test(rule.style.getPropertyValue('src')));
  const source = face && /url\(["']?([^"')]+)/.exec(face.style.getPropertyValue('src'))?.[1];
  if (!source) return null;
  try {
    const bytes = await (await fetch(new URL(source, face.parentStyleSheet?.href ?? location.href))).blob();
    const url = await new Promise<string>((done, fail) => {
      const reader = new FileReader();
      reader.onload = () => done(String(reader.result));
      reader.onerror = () => fail(new Error('the font can’t be read'));
      reader.readAsDataURL(bytes);
    });
    return `@font-face{font-family:Geist;font-weight:100 900;src:url(${url})}`;
  } catch {
    return null;
  }
}
