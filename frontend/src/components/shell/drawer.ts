'use client';

import { createContext, useContext } from 'react';

/** Opens the navigation on screens that are too narrow to show it. */
export const DrawerContext = createContext<() => void>(() => {});
export const useDrawer = () => useContext(DrawerContext);
