export { default, metadata } from './overview/page';
