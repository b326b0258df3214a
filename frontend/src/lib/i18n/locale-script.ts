export const LOCALES = ['en', 'fr'] as const;
export type Locale = (typeof LOCALES)[number];
export const LOCALE_KEY = 'locale';

/**
 * Runs before the first paint: `?lang=` wins and is kept, then what was kept, then the browser's own language.
 * A page in French stays hidden until its words are there, so that no English flashes by.
 */
export const localeScript = `(function(){try{var d=document.documentElement,k='${LOCALE_KEY}',q=new URLSearchParams(location.search).get('lang'),s=localStorage.getItem(k),
l=q==='en'||q==='fr'?q:s==='en'||s==='fr'?s:/^fr/i.test(navigator.language)?'fr':'en';if(q===l)localStorage.setItem(k,l);d.lang=l;if(l!=='en')d.setAttribute('data-translating','')}catch(e){}})()`;
