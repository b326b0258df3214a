'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { toast } from 'sonner';
import { usePaths } from '@/lib/paths';
import { useProblemText } from '@/lib/problem-text';
import { fetchSample } from '@/lib/sample';
import { uploadQueue } from '@/lib/uploads';
import { Button } from './ui/button';

/** Sends the sample that the product ships, and leads to where it is read. */
export function TrySample() {
  const t = useTranslations('upload');
  const paths = usePaths();
  const router = useRouter();
  const problemText = useProblemText();
  const send = async () => {
    try {
      uploadQueue.add([await fetchSample()]);
      router.push(paths.newDataset);
    } catch (problem) {
      const { title, detail } = problemText(problem);
      toast.error(title, { description: detail });
    }
  };
  return <Button onClick={() => void send()}>{t('sample')}</Button>;
}
