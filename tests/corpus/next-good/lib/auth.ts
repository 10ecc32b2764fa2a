export async function currentUser(request: Request): Promise<{ id: string }> {
  return { id: request.headers.get("x-user") ?? "" };
}
