using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Servers;

/// <summary>A server process that speaks the etcd v3 API on a loopback port, with data that outlives the process.</summary>
public abstract class EtcdApiServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private RunningProcess? _process;

    /// <summary>What to call it in messages.</summary>
    public abstract string Name { get; }

    /// <summary>host:port for clients.</summary>
    public string Address { get; } = $"127.0.0.1:{FreePort.Next()}";

    public string DataFolder => _folder.FullName;

    public RunningProcess Process => _process ?? throw new InvalidOperationException($"{Name} was not started");

    /// <summary>True when it had a process of its own that has ended.</summary>
    public bool HasEnded => _process is { HasExited: true };

    protected abstract RunningProcess Launch();

    /// <summary>Starts it, or starts it again on the same data and port, and waits until it answers a read.</summary>
    public virtual async Task Start()
    {
        Begin();
        var deadline = DateTime.UtcNow + StartLimit;
        while (true)
        {
            if (Process.HasExited)
                throw new InvalidOperationException($"{Name} ended with {Process.ExitCode} at its start:\n{Process.Output}");

            try
            {
                using var channel = new EtcdChannel(Address);
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
                await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("health") }, limit.Token);
                return;
            }
            catch (Exception notYet) when (notYet is RpcException or OperationCanceledException)
            {
                if (DateTime.UtcNow > deadline)
                    throw new TimeoutException($"{Name} gave no answer within {StartLimit}: {notYet.Message}\n{Process.Output}");

                await Task.Delay(20);
            }
        }
    }

    /// <summary>Starts it, or starts it again, and does not wait for it.</summary>
    public void Begin() => Launched(Launch());

    protected void Launched(RunningProcess process)
    {
        _process?.Dispose();
        _process = process;
    }

    public Task Kill() => Process.Kill();

    public virtual async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.Kill();
            _process.Dispose();
        }
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
