'use client';

export function AnalysisPage() {
  return null;
}
