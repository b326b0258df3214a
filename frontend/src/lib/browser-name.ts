const BROWSERS: [RegExp, string][] = [[/Edg\//, 'Edge'], [/Firefox\//, 'Firefox'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari']];
const SYSTEMS: [RegExp, string][] = [[/Windows/, 'Windows'], [/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']];

const first = (names: [RegExp, string][], text: string) => names.find(([sign]) => sign.test(text))?.[1];

/** `Firefox, Linux` of what a client calls itself; the first word of what is no browser. */
export function browserName(agent: string): string {
  const browser = first(BROWSERS, agent), system = first(SYSTEMS, agent);
  return browser ? [browser, system].filter(Boolean).join(', ') : (agent.split(/[\s/(]/)[0] ?? agent);
}
