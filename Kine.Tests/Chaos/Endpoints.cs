namespace Kine.Tests.Chaos;

/// <summary>The processes as clients see them, and how often each has been started.</summary>
internal sealed class Endpoints(string[] addresses)
{
    private readonly int[] _lives = new int[addresses.Length];

    public int Count => addresses.Length;

    public string AddressOf(int process) => addresses[process];

    /// <summary>A number that the process has until it ends.</summary>
    public int LifeOf(int process) => (Volatile.Read(ref _lives[process]) * addresses.Length) + process;

    /// <summary>Called before it is started again.</summary>
    public void NewLife(int process) => Interlocked.Increment(ref _lives[process]);
}
