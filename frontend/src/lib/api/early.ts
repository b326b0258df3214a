/** Kept in the browser's storage while there is a session. */
export const SIGNED_IN = 'signed-in';

/** What the frame of every page behind the door asks for, and the lists of the pages that name datasets, as the client asks for them. */
export const TASKS = '/v1/tasks?limit=200', FILES = '/v1/files?limit=200';
const SHELL = ['/v1/auth/me', TASKS];
const LISTS = [FILES];
const KEPT = 10_000; // ms: an answer that nobody wanted by then is of the past

declare global {
  var earlyAnswers: Record<string, Promise<Response>> | undefined;
}

/**
 * Runs before the first paint: asks for what the page needs while its scripts are on their way, so that they find the
 * answers. The page of the analysis needs the figures of the dataset in its address, or of the one that was analysed last.
 * Not for whoever is not signed in here: there would be nothing but refusals.
 */
export const earlyScript = `(function(){try{var p=location.pathname;if(!/^\\/(home|admin|profile)(\\/|$)/.test(p)||localStorage.getItem('${SIGNED_IN}')===null)return;
var a=self.earlyAnswers={},ask=function(u){(a[u]=fetch(u)).catch(function(){});return a[u]},figures=function(id){ask('/v1/analysis/'+id)};
${JSON.stringify(SHELL)}.concat(/\\/(home|admin|overview|analysis)\\/?$/.test(p)?${JSON.stringify(LISTS)}:[]).forEach(ask);
if(/\\/analysis\\/?$/.test(p)){var f=new URLSearchParams(location.search).get('file');if(f)figures(encodeURIComponent(f));
else a['${TASKS}'].then(function(r){return r.clone().json()}).then(function(l){var t=l.items.find(function(t){return t.data.file_analysed});if(t&&self.earlyAnswers===a)figures(t.data.file_id)}).catch(function(){})}}catch(e){}})()`;

/** The calls whose early answers nobody took so far. */
export const earlyCalls = () => Object.keys(globalThis.earlyAnswers ?? {});

/** The answer to a call that was made early; each is given once, and only while it is fresh: what changes something, signing out among it, makes all of them old. */
export function takeEarly({ method, url }: Request): Promise<Response> | undefined {
  if (method !== 'GET') delete globalThis.earlyAnswers;
  const { pathname, search } = new URL(url), path = pathname + search;
  const answer = globalThis.earlyAnswers?.[path];
  if (!answer) return undefined;
  delete globalThis.earlyAnswers?.[path];
  return performance.now() < KEPT ? answer : undefined;
}
