/** Kept in the browser's storage while there is a session. */
export const SIGNED_IN = 'signed-in';

/** What the frame of every page behind the door asks for, and the lists of the pages that name datasets, as the client asks for them. */
const SHELL = ['/v1/auth/me', '/v1/tasks?limit=200'];
const LISTS = ['/v1/files?limit=200'];
const KEPT = 10_000; // ms: an answer that nobody wanted by then is of the past

declare global {
  var earlyAnswers: Record<string, Promise<Response>> | undefined;
}

/**
 * Runs before the first paint: asks for what the page needs while its scripts are on their way, so that they find the
 * answers. Not for whoever is not signed in here: there would be nothing but refusals.
 */
export const earlyScript = `(function(){try{var p=location.pathname;if(!/^\\/(home|admin|profile)(\\/|$)/.test(p)||localStorage.getItem('${SIGNED_IN}')===null)return;
var a=self.earlyAnswers={};${JSON.stringify(SHELL)}.concat(/\\/(home|admin|overview|analysis)\\/?$/.test(p)?${JSON.stringify(LISTS)}:[]).forEach(function(u){(a[u]=fetch(u)).catch(function(){})})}catch(e){}})()`;

/** The answer to a call that was made early; each is given once, and only while it is fresh. */
export function takeEarly({ method, url }: Request): Promise<Response> | undefined {
  const { pathname, search } = new URL(url), path = pathname + search;
  const answer = globalThis.earlyAnswers?.[path];
  if (!answer || method !== 'GET') return undefined;
  delete globalThis.earlyAnswers?.[path];
  return performance.now() < KEPT ? answer : undefined;
}
