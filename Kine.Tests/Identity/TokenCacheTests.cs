using System.Globalization;
using Kine.Backends;
using Kine.Backends.Identity;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Identity;

public sealed class TokenCacheTests
{
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(15);
    private readonly ManualTime _time = new(new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));
    private Func<Task<IdentityToken>> _service;
    private TimeSpan _renewAfter;
    private int _asked;

    public TokenCacheTests() => _service = () => Task.FromResult(Fresh());

    [Fact]
    public async Task A_token_serves_all_log_ins_until_its_renewal_is_due()
    {
        _renewAfter = TimeSpan.FromMinutes(10);
        var cache = Cache();

        Assert.Equal("token 1", await cache.Get(default));
        _time.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        Assert.Equal("token 1", await cache.Get(default));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("token 2", await cache.Get(default));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal("token 3", await cache.Get(default));
    }

    [Fact]
    public async Task A_token_that_is_due_at_once_is_new_for_each_log_in()
    {
        var cache = Cache();

        Assert.Equal(["token 1", "token 2", "token 3"], [await cache.Get(default), await cache.Get(default), await cache.Get(default)]);
    }

    [Fact]
    public async Task While_the_service_is_away_the_old_token_serves_as_long_as_it_is_valid_and_never_longer()
    {
        var cache = Cache();
        await cache.Get(default);
        _service = () => Task.FromException<IdentityToken>(new InvalidOperationException("nobody\n there", new IOException("cable cut")));

        _time.Advance(Life - TimeSpan.FromSeconds(31));
        Assert.Equal("token 1", await cache.Get(default));
        _time.Advance(TimeSpan.FromSeconds(1));
        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await cache.Get(default));
        Assert.Equal("the cloud gave no token: nobody there: cable cut", failure.Message);
        Assert.Null(failure.InnerException);

        _service = () => Task.FromResult(Fresh());
        Assert.Equal("token 4", await cache.Get(default));
    }

    [Fact]
    public async Task A_slow_service_holds_no_log_in_up_while_a_valid_token_is_there()
    {
        var cache = Cache();
        await cache.Get(default);
        var slow = new TaskCompletionSource<IdentityToken>();
        _service = () => slow.Task;

        var waiting = cache.Get(default).AsTask();
        while (!waiting.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }
        Assert.Equal("token 1", await waiting);
        slow.SetResult(Fresh());
        _service = () => Task.FromException<IdentityToken>(new IOException("away"));
        string next;
        while ((next = await cache.Get(default)) == "token 1")
            await Task.Delay(1);

        Assert.Equal("token 2", next);
    }

    [Fact]
    public async Task A_service_without_an_answer_is_given_up_after_half_a_minute()
    {
        var cache = Cache();
        _service = () => new TaskCompletionSource<IdentityToken>().Task;

        var waiting = cache.Get(default).AsTask();
        while (!waiting.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1);
        }
        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(() => waiting);
        Assert.Equal("the cloud gave no token within 30 s", failure.Message);
    }

    [Fact]
    public async Task Log_ins_at_the_same_time_share_one_question()
    {
        var answer = new TaskCompletionSource<IdentityToken>();
        _service = () => answer.Task;
        var cache = Cache();

        Task<string>[] waiting = [.. Enumerable.Range(0, 20).Select(_ => cache.Get(default).AsTask())];
        answer.SetResult(Fresh() with { Value = "shared" });

        Assert.All(await Task.WhenAll(waiting), token => Assert.Equal("shared", token));
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task Log_ins_that_share_a_question_which_fails_get_an_error_each()
    {
        var answer = new TaskCompletionSource<IdentityToken>();
        _service = () => answer.Task;
        var cache = Cache();
        Task[] gets = [cache.Get(default).AsTask(), cache.Get(default).AsTask()];
        answer.SetException(new InvalidOperationException("nobody there"));

        var first = await Assert.ThrowsAsync<StoreUnavailableException>(() => gets[0]);
        var second = await Assert.ThrowsAsync<StoreUnavailableException>(() => gets[1]);
        Assert.NotSame(first, second);
        Assert.Equal("the cloud gave no token: nobody there", second.Message);
    }

    [Fact]
    public async Task A_caller_that_gives_up_does_not_stop_the_question_of_the_others()
    {
        var answer = new TaskCompletionSource<IdentityToken>();
        _service = () => answer.Task;
        var cache = Cache();
        using var given = new CancellationTokenSource();

        var first = cache.Get(given.Token).AsTask();
        var second = cache.Get(default).AsTask();
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        answer.SetResult(Fresh() with { Value = "shared" });

        Assert.Equal("shared", await second);
    }

    [Fact]
    public async Task A_caller_that_gives_up_on_a_service_that_failed_before_is_told_why()
    {
        _service = () => Task.FromException<IdentityToken>(new InvalidOperationException("nobody there"));
        var cache = Cache();
        var first = await Assert.ThrowsAsync<StoreUnavailableException>(() => cache.Get(default).AsTask());
        var answer = new TaskCompletionSource<IdentityToken>();
        _service = () => answer.Task;
        using var giveUp = new CancellationTokenSource();

        var asked = cache.Get(giveUp.Token).AsTask();
        await giveUp.CancelAsync();

        var second = await Assert.ThrowsAsync<StoreUnavailableException>(() => asked);
        Assert.Contains("nobody there", first.Message, StringComparison.Ordinal);
        Assert.Equal(first.Message, second.Message);
        answer.SetResult(Fresh());
    }

    [Fact]
    public async Task A_token_that_comes_expired_is_not_given_out()
    {
        _service = () => Task.FromResult(new IdentityToken("old", _time.GetUtcNow() + TimeSpan.FromSeconds(30), _time.GetUtcNow()));

        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await Cache().Get(default));

        Assert.Equal("the cloud gave a token that is only valid until 2026-03-04T05:06:37.0000000+00:00", failure.Message);
    }

    [Fact]
    public void A_token_does_not_print_its_secret() => Assert.DoesNotContain("token 0", $"{Fresh()}", StringComparison.Ordinal);

    private IdentityToken Fresh()
    {
        var now = _time.GetUtcNow();
        return new IdentityToken(string.Create(CultureInfo.InvariantCulture, $"token {_asked}"), now + Life, now + _renewAfter);
    }

    private TokenCache Cache() => new("the cloud", _ =>
    {
        _asked++;
        return _service();
    }, _time, NullLogger.Instance);
}
