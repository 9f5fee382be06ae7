using System.Globalization;
using System.Text;

namespace SparseRM.Farm.Jobs;

/// <summary>How jobs stand, in Prometheus' text form. A rate of <c>sparserm_farm_rows_total</c> is the farm's rows a second.</summary>
internal static class FarmMetrics
{
    /// <summary>Writes all of it.</summary>
    /// <param name="jobs">Jobs.</param>
    /// <param name="silos">Silos that are alive.</param>
    public static string Write(IReadOnlyList<JobStatus> jobs, int silos)
    {
        var text = new StringBuilder();
        Head("silos", "gauge", "Silos that are alive.");
        text.Append(CultureInfo.InvariantCulture, $"sparserm_farm_silos {silos}\n");
        Each("workers", "gauge", "Workers that have rows of the job.", job => job.Leases.Select(lease => lease.Worker).Distinct().Count());
        Each("leases", "gauge", "Ranges of rows that workers have.", job => job.Leases.Length);
        Each("rows", "gauge", "Rows of the job.", job => job.Spec.Rows);
        Each("rows_total", "counter", "Rows in published parts; its rate is rows a second.", job => job.Counts.DoneRows);
        Each("rows_bad_total", "counter", "Rows that have an error in the place of a score.", job => job.Counts.BadRows);
        Each("shards_done_total", "counter", "Shards that are done.", job => job.Counts.Shards);
        Each("shards_failed_total", "counter", "Shards that were given up, whose rows are errors.", job => job.Counts.RefusedShards);
        Each("shards_retried_total", "counter", "Shards that came back since a worker died or failed over them.", job => job.Counts.Retries);
        Each("shards_split_total", "counter", "Shards that were split for a worker that had nothing else to do.", job => job.Counts.Splits);
        Each("leases_lost_total", "counter", "Ranges whose worker died or went silent.", job => job.Counts.LostLeases);
        return text.ToString();

        void Head(string name, string type, string help) => text.Append(CultureInfo.InvariantCulture, $"# HELP sparserm_farm_{name} {help}\n# TYPE sparserm_farm_{name} {type}\n");

        // Ids are letters, digits and a hyphen.
        void Each(string name, string type, string help, Func<JobStatus, long> value)
        {
            Head(name, type, help);
            foreach (var job in jobs) text.Append(CultureInfo.InvariantCulture, $"sparserm_farm_{name}{{job=\"{job.Spec.Id}\",state=\"{job.State}\"}} {value(job)}\n");
        }
    }
}
