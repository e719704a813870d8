namespace Kine.Grains;

/// <summary>A task that several callers wait for. Each throws an exception of its own: one object thrown by many would mix up their stack traces.</summary>
internal static class SharedTask
{
    /// <summary>Completes as the task does.</summary>
    public static async Task Wait(Task shared)
    {
        try
        {
            await shared;
        }
        catch (EtcdException error)
        {
            throw error.Copy();
        }
    }

    /// <summary>The same for a task with a result.</summary>
    public static async Task<T> Wait<T>(Task<T> shared)
    {
        await Wait((Task)shared);
        return await shared;
    }
}
