'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Check, Copy } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import { createApiToken, deleteApiToken, type MeView, type Permission, type ResourceApiTokenData } from '@/lib/api/generated';
import { listApiTokensOptions, listApiTokensQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { useFormat } from '@/lib/format';

const DAYS = ['30', '90', '365', ''] as const;

/** Tokens for programs: what each may do, when it was used, and a form for another one. */
export function ApiTokens({ me }: { me: MeView }) {
  const t = useTranslations('tokens');
  const queries = useQueryClient();
  const tokens = useQuery(listApiTokensOptions());
  const [deleting, setDeleting] = useState<ResourceApiTokenData | null>(null);
  const again = () => queries.invalidateQueries({ queryKey: listApiTokensQueryKey() });
  return (
    <div className="grid gap-4">
      {tokens.error && <ProblemAlert problem={tokens.error} onRetry={() => void tokens.refetch()} />}
      {tokens.isPending && <Skeleton className="h-11" />}
      {tokens.data && tokens.data.items.length > 0 && <ul className="-my-2">{tokens.data.items.map((token) => <Token key={token.uid} token={token} onDelete={() => setDeleting(token)} />)}</ul>}
      <NewToken me={me} onMade={() => void again()} />
      <ConfirmDialog
        open={deleting !== null}
        onOpenChange={() => setDeleting(null)}
        title={t('deleteTitle', { name: deleting?.data.name ?? '' })}
        description={t('deleteText')}
        keep={t('keep')}
        action={t('deleteAction')}
        onConfirm={async () => { if (deleting) await deleteApiToken({ path: { id: deleting.uid }, throwOnError: true }); await again(); }}
      />
    </div>
  );
}

function Token({ token: { data, createdAt }, onDelete }: { token: ResourceApiTokenData; onDelete: () => void }) {
  const t = useTranslations('tokens');
  const format = useFormat();
  return (
    <li className="flex items-center gap-3 border-b py-2">
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{data.name} <span className="font-mono text-xs font-normal text-muted-foreground">…{data.last4}</span></span>
        <span className="block font-mono text-xs break-words text-muted-foreground">{data.permissions.join(', ')}</span>
        <span className="tabular block text-xs text-muted-foreground">{t('made', { at: format.date(createdAt) })}, {data.last_used_at ? t('used', { at: format.dateTime(data.last_used_at) }) : t('unused')}, {data.expires_at ? t('until', { at: format.date(data.expires_at) }) : t('forever')}</span>
      </span>
      <Button size="sm" aria-label={t('deleteOf', { name: data.name })} onClick={onDelete}>{t('delete')}</Button>
    </li>
  );
}

function NewToken({ me, onMade }: { me: MeView; onMade: () => void }) {
  const t = useTranslations('tokens');
  const [open, setOpen] = useState(false);
  const [name, setName] = useState('');
  const [days, setDays] = useState<(typeof DAYS)[number]>('90');
  const [permissions, setPermissions] = useState<Permission[]>([]);
  const make = useMutation({
    mutationFn: async () => {
      const expires = days ? { expires_at: new Date(Date.now() + Number(days) * 86_400_000).toISOString() } : {};
      return (await createApiToken({ body: { name: name.trim(), permissions, ...expires }, throwOnError: true })).data;
    },
    onSuccess: () => { setOpen(false); setName(''); setPermissions([]); onMade(); },
  });
  const toggle = (permission: Permission, on: boolean) => setPermissions((before) => (on ? [...before, permission] : before.filter((one) => one !== permission)));
  if (!open) return <div className="grid justify-items-start gap-3">{make.data && <Secret token={make.data.token} />}<Button onClick={() => setOpen(true)}>{t('new')}</Button></div>;
  return (
    <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
      {make.error && <ProblemAlert problem={make.error} />}
      <div className="grid gap-4 md:grid-cols-2">
        <Field label={t('name')} hint={t('nameHint')}>{(field) => <Input {...field} value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />}</Field>
        <Field label={t('ends')}>{(field) => <Select {...field} value={days} onChange={(event) => setDays(DAYS.find((one) => one === event.target.value) ?? '90')}>{DAYS.map((one) => <option key={one} value={one}>{one ? t('days', { count: Number(one) }) : t('never')}</option>)}</Select>}</Field>
      </div>
      <fieldset>
        <legend className="mb-1.5 font-medium">{t('permissions')}</legend>
        <div className="grid gap-x-4 gap-y-1 md:grid-cols-2">
          {me.permissions.map((permission) => <label key={permission} className="flex min-h-7 cursor-pointer items-center gap-2"><input type="checkbox" className="size-4 accent-foreground" checked={permissions.includes(permission)} onChange={(event) => toggle(permission, event.target.checked)} /><span className="font-mono text-xs">{permission}</span></label>)}
        </div>
      </fieldset>
      <div className="flex gap-2"><Button type="submit" disabled={make.isPending || !name.trim() || permissions.length === 0} title={!name.trim() || permissions.length === 0 ? t('needs') : undefined}>{t('make')}</Button><Button variant="ghost" onClick={() => setOpen(false)}>{t('cancel')}</Button></div>
    </form>
  );
}

/** Shown this once: the server keeps only a hash. */
function Secret({ token }: { token: string }) {
  const t = useTranslations('tokens');
  const [copied, setCopied] = useState(false);
  return (
    <div role="status" className="w-full rounded-lg border bg-card px-4 py-3.5">
      <p className="font-medium">{t('madeTitle')}</p>
      <p className="text-xs text-muted-foreground">{t('madeText')}</p>
      <p className="mt-2 flex items-center gap-2"><code className="min-w-0 flex-1 font-mono text-xs break-all">{token}</code><Button size="sm" onClick={() => { void navigator.clipboard.writeText(token).then(() => setCopied(true)); }}>{copied ? <Check aria-hidden /> : <Copy aria-hidden />}{copied ? t('copied') : t('copy')}</Button></p>
    </div>
  );
}
