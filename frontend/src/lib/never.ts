/** For `useSyncExternalStore`, of what nothing tells that it changed. */
export const never = () => () => {};
