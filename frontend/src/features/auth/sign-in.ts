import { loginUser, type LoginRequest } from '@/lib/api/generated';
import { memorySession } from '@/lib/api/memory-session';

export async function signIn(body: LoginRequest): Promise<void> {
  const { data } = await loginUser({ body, throwOnError: true });
  memorySession.keep(data);
}
