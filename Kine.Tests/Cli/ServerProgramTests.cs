using Kine.Grains.Hosting;
using Kine.Host.Hosting;
using Kine.Host.Logging;
using Kine.Tests.Grpc;
using Xunit;

namespace Kine.Tests.Cli;

public sealed class ServerProgramTests
{
    [Fact]
    public async Task It_says_in_one_line_that_it_serves_and_ends_with_zero_when_told()
    {
        var backend = new FakeBackend(new FakeEtcdApi());
        using var ended = new CancellationTokenSource();
        using var log = new Lines(line =>
        {
            if (line.Contains("serves etcd", StringComparison.Ordinal))
                ended.Cancel();
        });

        var code = await Run(backend, log, ended.Token);

        Assert.Equal(0, code);
        Assert.True(backend.Stopped);
        Assert.Matches(@"^\S+Z info    kine [\d.]+ serves etcd v3 on 127\.0\.0\.1:\d+, store fake, revision 1, ready in \d+\.\d s$", log.All[0]);
    }

    [Fact]
    public async Task A_backend_that_cannot_go_on_ends_the_program_with_its_reason()
    {
        var backend = new FakeBackend(new FakeEtcdApi());
        using var log = new Lines(line =>
        {
            if (line.Contains("serves etcd", StringComparison.Ordinal))
                backend.Break("the disk failed");
        });

        var code = await Run(backend, log, CancellationToken.None);

        Assert.Equal(1, code);
        Assert.Contains(log.All, line => line.EndsWith(" fatal   the disk failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_backend_that_breaks_while_it_starts_ends_the_program_with_its_reason()
    {
        var backend = new FakeBackend(new FakeEtcdApi()) { BreaksAtStart = "the disk failed" };
        using var log = new Lines(_ => { });

        var code = await Run(backend, log, CancellationToken.None);

        Assert.Equal(1, code);
        Assert.EndsWith(" fatal   the disk failed", Assert.Single(log.All), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_that_is_told_to_stop_is_no_failure()
    {
        using var log = new Lines(_ => { });

        Assert.Equal(0, await Run(new FakeBackend(new FakeEtcdApi()) { StopsAtStart = true }, log, CancellationToken.None));

        Assert.Empty(log.ToString());
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 1)]
    public async Task A_store_that_cannot_be_opened_is_one_sentence(bool wrongSettings, int expected)
    {
        var backend = new FakeBackend(new FakeEtcdApi()) { StartError = new StartException("the file is not a database", wrongSettings) };
        using var log = new Lines(_ => { });

        var code = await Run(backend, log, CancellationToken.None);

        Assert.Equal(expected, code);
        Assert.Equal(["kine: the file is not a database"], log.All);
    }

    [Fact]
    public async Task A_listener_that_fails_stops_the_backend()
    {
        await using var taken = await TestServer.Start();
        var backend = new FakeBackend(new FakeEtcdApi());
        using var log = new Lines(_ => { });
        using var logging = Log.Create(TestServer.Options, log, log, TimeProvider.System);
        var options = TestServer.Options with { ListenAddress = $"127.0.0.1:{taken.Server.Port}" };

        var code = await new ServerProgram((services, _, _) => backend.AddTo(services), log, log, TimeProvider.System).Run(options, logging, CancellationToken.None);

        Assert.Equal(1, code);
        Assert.True(backend.Stopped);
        Assert.StartsWith("kine: cannot listen on ", Assert.Single(log.All), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_lines_are_json()
    {
        var options = TestServer.Options with { LogFormat = "json" };
        using var ended = new CancellationTokenSource();
        using var log = new Lines(_ => ended.Cancel());
        using var logging = Log.Create(options, log, log, TimeProvider.System);

        await new ServerProgram((services, _, _) => new FakeBackend(new FakeEtcdApi()).AddTo(services), log, log, TimeProvider.System).Run(options, logging, ended.Token);

        using var line = System.Text.Json.JsonDocument.Parse(log.All[0]);
        Assert.Equal("info", line.RootElement.GetProperty("severity").GetString());
        Assert.StartsWith("kine ", line.RootElement.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static async Task<int> Run(FakeBackend backend, Lines log, CancellationToken ended)
    {
        using var logging = Log.Create(TestServer.Options, log, log, TimeProvider.System);
        return await new ServerProgram((services, _, _) => backend.AddTo(services), log, log, TimeProvider.System)
            .Run(TestServer.Options, logging, ended)
            .WaitAsync(Wait.Limit);
    }

    private sealed class Lines(Action<string> seen) : StringWriter
    {
        public IReadOnlyList<string> All
        {
            get
            {
                lock (this)
                {
                    return ToString().TrimEnd('\n').Split('\n');
                }
            }
        }

        public override void WriteLine(string? value)
        {
            lock (this)
            {
                base.WriteLine(value);
            }

            seen(value!);
        }

        public override Task WriteLineAsync(string? value)
        {
            WriteLine(value);
            return Task.CompletedTask;
        }
    }
}
