namespace Kine.Tests;

/// <summary>
/// Random numbers for tests that explore. They are the same at every run, so that a change is judged by what it changes; KINE_TEST_SEED, a whole number, draws
/// others, the same for the same number. <c>deploy/soak.sh</c> counts it up and names it beside what failed.
/// </summary>
internal static class Draw
{
    private const int Stride = 1009; // apart from the seeds that tests choose themselves

    private static readonly int Run = int.Parse(Environment.GetEnvironmentVariable("KINE_TEST_SEED") ?? "0", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The seed to use where a test chose <paramref name="seed"/>.</summary>
    public static int Seed(int seed) => unchecked(seed + (Run * Stride)) & int.MaxValue;

    /// <summary>The numbers of a test that chose <paramref name="seed"/>.</summary>
    public static Random From(int seed) => new(Seed(seed));
}
